import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/main.ts';
import { MillraceError } from '../../src/errors.ts';

const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));
/** A rejection that nobody hears ends the command. */
const strict = '--unhandled-rejections=strict';

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly error: string;
}

/** Runs one command line in this process, with `folder` as its working directory, and gives its exit code and what it printed. */
export async function runInProcess(
  folder: string,
  argumentList: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly exitCode: number; readonly out: string; readonly error: string }> {
  const printed = { out: '', error: '' };
  const exitCode = await main(argumentList, {
    out: (text) => void (printed.out += text),
    error: (text) => void (printed.error += text),
    interactive: false,
    environment: { ...process.env, ...environment },
    workingDirectory: folder,
    signal: new AbortController().signal,
  });
  return { exitCode, ...printed };
}

/** A command in a process of its own, which leads a process group of its own. */
export interface RunningCommand {
  readonly pid: number;
  /** Settles as soon as one of its streams has a line with this text; rejects when it ends without one. */
  line(text: string | RegExp, stream?: 'out' | 'error'): Promise<string>;
  /** Settles when it has printed anything on standard output. */
  output(): Promise<void>;
  /** Settles when the process has opened a file of this name. Linux alone tells; elsewhere at once. */
  opened(name: string): Promise<void>;
  /** The signal goes to the process alone, as from another program, or to its whole group, as Ctrl-C in a terminal. */
  kill(signal: NodeJS.Signals, to?: 'process' | 'group'): void;
  readonly ended: Promise<Ended>;
  readonly input: ChildProcessWithoutNullStreams['stdin'];
}

/** Commands of one test file; `endAll` ends what a failed test left. */
export function createCommands() {
  const running = new Set<RunningCommand>();

  function start(folder: string, argumentList: readonly string[], environment: Readonly<Record<string, string>> = {}): RunningCommand {
    const child = spawn(process.execPath, [bin, ...argumentList], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: strict, ...environment },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return follow(child);
  }

  function follow(child: ChildProcessWithoutNullStreams): RunningCommand {
    const pid = child.pid ?? 0;
    const printed = { out: '', error: '' };
    const waiting = new Set<() => void>();
    for (const [name, stream] of [['out', child.stdout] as const, ['error', child.stderr] as const]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed[name] += text;
        for (const look of waiting) look();
      });
      stream.on('error', () => undefined);
    }
    child.stdin.on('error', () => undefined);
    let over = false;
    function when(found: () => boolean, what: string): Promise<void> {
      return new Promise((resolve, reject) => {
        function look(): void {
          const is = found();
          if (!is && !over) return;
          waiting.delete(look);
          if (is) resolve();
          else reject(new MillraceError('E_INTERNAL', `The command ended without ${what}: ${printed.out}${printed.error}`));
        }
        waiting.add(look);
        look();
      });
    }
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => {
        over = true;
        for (const look of waiting) look();
        if (printed.error.includes('MaxListenersExceededWarning')) reject(new MillraceError('E_INTERNAL', printed.error));
        resolve({ exitCode, signal, ...printed });
      });
    });
    const command: RunningCommand = {
      pid,
      ended,
      input: child.stdin,
      async line(text, stream = 'out') {
        const find = (): string | undefined =>
          printed[stream]
            .split('\n')
            .slice(0, -1)
            .find((line) => (typeof text === 'string' ? line.includes(text) : text.test(line)));
        await when(() => find() !== undefined, `the line ${String(text)}`);
        return find() ?? '';
      },
      output: () => when(() => printed.out !== '', 'output'),
      async opened(name) {
        while (process.platform === 'linux' && !over && !openFiles(pid).some((file) => file.endsWith(name))) await nextTurn();
      },
      kill: (signal, to = 'process') => void process.kill(to === 'group' ? -pid : pid, signal),
    };
    running.add(command);
    return command;
  }

  return {
    start,
    run: (...parameters: Parameters<typeof start>): Promise<Ended> => {
      const command = start(...parameters);
      command.input.end();
      return command.ended;
    },
    /** A line of the shell in which `millrace` is the command line, with its arguments as "$@". */
    async shell(folder: string, script: string, argumentList: readonly string[]): Promise<Ended> {
      const command = follow(
        spawn('/bin/sh', ['-c', `millrace() { "$NODE" "$BIN" "$@"; }; ${script}`, 'sh', ...argumentList], {
          cwd: folder,
          env: { ...process.env, NODE_OPTIONS: strict, NODE: process.execPath, BIN: bin },
          detached: true,
          stdio: ['pipe', 'pipe', 'pipe'],
        }),
      );
      command.input.end();
      return command.ended;
    },
    /** Ends what is left of every group. */
    endAll(): void {
      for (const { pid } of running) {
        try {
          process.kill(-pid, 'SIGKILL');
        } catch {
          // Nothing of the group is left.
        }
      }
      running.clear();
    },
  };
}

/** Processes of a group that run; those that only wait to be reaped are gone. Linux alone tells; elsewhere none. */
export function processesOfGroup(group: number): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [state, , itsGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const isAlive = Number(itsGroup) === group && state !== 'Z' && state !== 'X';
        return isAlive ? [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`] : [];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

/** Settles when nothing of the group runs any more; a test's own deadline ends the waiting. */
export async function groupIsGone(group: number): Promise<void> {
  while (processesOfGroup(group).length > 0) {
    await nextTurn();
  }
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** The lines of a `--json` output. */
export function jsonLines(out: string): Record<string, unknown>[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
