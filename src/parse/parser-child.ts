import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import type { PortionHeader } from './answer-header.ts';
import { killGroup } from './kill-group.ts';
import { createFrameReader, type Frame, readyHeader } from './wire.ts';

export interface ParserChildOptions {
  /** The child's module, a path. */
  readonly entry: string;
  /** Its arguments: modules with formats of the program. */
  readonly formatModules?: readonly string[];
  /** V8's limit for the child's old generation. */
  readonly heapBytes: number;
  /** Keeps its heap close to what is alive, which takes a little time. */
  readonly isForLargeFiles?: boolean;
  /** Puts a sandbox in front of the command, for example bubblewrap. The command's first element is the program. */
  readonly sandbox?: (command: readonly string[]) => readonly string[];
}

export interface AnswerReading {
  /** Of one message. */
  readonly maxAnswerBytes: number;
  /** A portion that comes ahead of the answer. No more is read from the process until it resolves; it must not reject. */
  takePortion(frame: Frame): Promise<void>;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines that the child wrote to standard error. */
  readonly errorOutput: string;
  /** It had said that it is ready: what ended it before was no document. */
  readonly wasReady: boolean;
  /** Why there was no process. */
  readonly startError?: Error;
}

/** Of a child process and what it started. */
export interface ChildUsage {
  /** Memory in physical pages. */
  readonly residentBytes: number;
  /** How long it was ready to run so far, and other work had the processors. */
  readonly waitedMs: number;
}

/** One child process with its pipes. It is killed, never asked to stop. */
export interface ParserChild {
  readonly pid: number | undefined;
  readonly heapBytes: number;
  /** Reads nothing any more; its pipes may still hold what it wrote. */
  readonly isGone: boolean;
  /** Settles once, when the process is gone and its pipes are closed, or when it could not be started. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Writes a request; its answer, or `undefined` when the process ended or wrote something else. Answers come in the order of requests. */
  exchange(pieces: readonly Uint8Array[], reading: AnswerReading): Promise<Frame | undefined>;
  /** More of the last request, which has named its length. Resolves when there is room for the next piece, also where the process has ended. */
  write(piece: Uint8Array): Promise<void>;
  /** `undefined` where the system does not tell. */
  usage(): Promise<ChildUsage | undefined>;
  kill(): void;
  /** Whether the process keeps the program alive. */
  setBusy(busy: boolean): void;
}

/** What is read in parts leaves little alive: without it V8 would collect its garbage rarely, because there is so much room for a heap. */
const largeFileFlags = ['--heap-growing-percent=60', '--max-semi-space-size=8'];

/** Seconds of CPU time that a child may use in its whole life, behind the deadline of each document. */
const cpuSeconds = 7200;
const maxErrorOutput = 4096;
const maxHeaderBytes = 256 * 1024 * 1024;

/**
 * No environment, no working directory of ours, no file to write, no core dump. `ulimit` needs a POSIX shell; an address-space
 * limit is left out because V8 and WebAssembly reserve far more than they use.
 */
function command(options: ParserChildOptions): readonly string[] {
  const node = [
    process.execPath,
    `--max-old-space-size=${Math.ceil(options.heapBytes / (1024 * 1024))}`,
    ...(options.isForLargeFiles === true ? largeFileFlags : []),
    '--disable-warning=ExperimentalWarning',
    '--permission',
    '--allow-fs-read=*',
    options.entry,
    ...(options.formatModules ?? []),
  ];
  const sandboxed = options.sandbox?.(node) ?? node;
  if (process.platform === 'win32') return sandboxed;
  return ['/bin/sh', '-c', `ulimit -c 0; ulimit -f 0; ulimit -n 256; ulimit -t ${cpuSeconds}; exec "$0" "$@"`, ...sandboxed];
}

function signalOf(number: number): NodeJS.Signals | undefined {
  return (Object.entries(constants.signals) as [NodeJS.Signals, number][]).find(([, value]) => value === number)?.[0];
}

/** Of a process and all below it: a sandbox is a process of its own around the command. Linux. */
async function usageOf(pid: number): Promise<ChildUsage | undefined> {
  try {
    const [status, schedule, children] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'latin1'),
      readFile(`/proc/${pid}/schedstat`, 'latin1').catch(() => ''),
      readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => ''),
    ]);
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    if (kilobytes === undefined) return undefined;
    const below = await Promise.all(
      children
        .split(' ')
        .filter(Boolean)
        .map((child) => usageOf(Number(child))),
    );
    // Time on a processor, time that it waited for one, both in ns, and turns.
    const waitedMs = Number(schedule.split(' ')[1] ?? 0) / 1e6;
    const own = { residentBytes: Number(kilobytes) * 1024, waitedMs };
    return below.reduce<ChildUsage>(
      (sum, one) => ({
        residentBytes: sum.residentBytes + (one?.residentBytes ?? 0),
        waitedMs: sum.waitedMs + (one?.waitedMs ?? 0),
      }),
      own,
    );
  } catch {
    // The process ended in between.
    return undefined;
  }
}

function notStarted(startError: Error): ChildEnd {
  return { code: null, signal: null, errorOutput: startError.message, wasReady: false, startError };
}

/** What the system could not start. */
function createNoChild(child: ChildProcess, heapBytes: number): ParserChild {
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('error', (error) => resolve(notStarted(error)));
  });
  return {
    pid: undefined,
    heapBytes,
    isGone: true,
    ended,
    exchange: () => ended.then(() => undefined),
    write: () => ended.then(() => undefined),
    usage: () => Promise.resolve(undefined),
    kill: () => undefined,
    setBusy: () => undefined,
  };
}

export function startParserChild(options: ParserChildOptions): ParserChild {
  const [program = '', ...args] = command(options);
  const child = spawn(program, args, {
    cwd: process.platform === 'win32' ? undefined : '/',
    env: process.platform === 'win32' ? { SystemRoot: process.env['SystemRoot'] } : {},
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C does not reach it, and a sandbox is killed together with what is in it.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  // For want of file descriptors there are no pipes either, against the types.
  const { stdin, stderr } = child as Partial<ChildProcess>;
  if (!stdin || !stderr) return createNoChild(child, options.heapBytes);
  const answers = child.stdio[3] as Duplex;
  let errorOutput = '';
  const waiting: (AnswerReading & { readonly resolve: (frame: Frame | undefined) => void })[] = [];
  const reader = createFrameReader({ headerBytes: maxHeaderBytes, payloadBytes: () => waiting[0]?.maxAnswerBytes ?? 0 });

  /** What has come is dealt with in its order. */
  let dealing = Promise.resolve();
  let portions = 0;
  let wasReady = false;

  /** After the portion that is being taken. */
  function settleAll(): void {
    const unanswered = waiting.splice(0);
    void dealing.then(() => {
      for (const { resolve } of unanswered) resolve(undefined);
    });
  }

  function receive(frame: Frame): void {
    const { outcome } = (frame.header ?? {}) as { readonly outcome?: (PortionHeader | typeof readyHeader)['outcome'] };
    if (!wasReady && outcome === readyHeader.outcome) {
      wasReady = true;
      return;
    }
    const [first] = waiting;
    if (first === undefined) return;
    if (outcome === 'portion') {
      portions += 1;
      answers.pause();
      dealing = dealing
        .then(() => first.takePortion(frame))
        .finally(() => {
          portions -= 1;
          if (portions === 0) answers.resume();
        });
      return;
    }
    waiting.shift();
    if (portions === 0) first.resolve(frame);
    else void dealing.then(() => first.resolve(frame));
  }

  stderr.on('data', (chunk: Buffer) => {
    errorOutput = (errorOutput + chunk.toString('utf8')).slice(-maxErrorOutput);
  });
  answers.on('data', (chunk: Buffer) => {
    try {
      for (const frame of reader.push(chunk)) receive(frame);
    } catch (error) {
      errorOutput += `\n${String(error)}`;
      settleAll();
    }
  });
  // A write to a child that just died fails; its end is reported by `ended`.
  stdin.on('error', () => undefined);
  answers.on('error', () => undefined);

  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(notStarted(error));
    });
    // A sandbox that something else killed may have left what it began, which would hold the pipes for ever.
    child.once('exit', () => killGroup(child.pid));
    child.once('close', (code, signal) => {
      // A sandbox ends with 128 + the number of the signal that its command died of.
      const inside = options.sandbox === undefined || code === null ? undefined : signalOf(code - 128);
      resolve({ code: inside === undefined ? code : null, signal: inside ?? signal, errorOutput: errorOutput.trim(), wasReady });
    });
  });
  let hasEnded = false;
  const isGone = (): boolean => hasEnded || child.exitCode !== null || child.signalCode !== null;
  void ended.then(() => {
    hasEnded = true;
    settleAll();
  });

  return {
    pid: child.pid,
    heapBytes: options.heapBytes,
    get isGone() {
      return isGone();
    },
    ended,
    exchange(pieces, reading) {
      return new Promise((resolve) => {
        if (hasEnded) return resolve(undefined);
        waiting.push({ ...reading, resolve });
        // Requests of one turn go in one write.
        if (stdin.writableCorked === 0) {
          stdin.cork();
          process.nextTick(() => stdin.uncork());
        }
        for (const piece of pieces) stdin.write(piece);
      });
    },
    write(piece) {
      return new Promise((resolve) => {
        // A failed write is told by the end of the process.
        stdin.write(piece, () => resolve());
      });
    },
    async usage() {
      return process.platform !== 'linux' || child.pid === undefined ? undefined : usageOf(child.pid);
    },
    kill() {
      if (child.pid === undefined || hasEnded) return;
      if (process.platform === 'win32') child.kill('SIGKILL');
      else killGroup(child.pid);
    },
    setBusy(busy) {
      for (const handle of [child, stdin, stderr, answers] as unknown as { ref(): void; unref(): void }[]) {
        if (busy) handle.ref();
        else handle.unref();
      }
    },
  };
}
