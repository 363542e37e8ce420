import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Random } from '../../src/util/random.ts';

/** What `strace` is to record for `powerLoss`. */
export const tracedCalls = 'openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink';

const blockBytes = 4096;

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly length: number };

/** The content of one file: what was done to it, and how much of that a sync has put on the disk. */
interface Content {
  readonly changes: Change[];
  synced: number;
}

/** A folder as system calls change it: what programs see, and what a disk may hold after the power was cut. */
export interface PowerLoss {
  /** Lines that were written to standard output. */
  readonly said: readonly string[];
  /** Carries out the next call; false after the last one. */
  step(): boolean;
  /**
   * Writes a state that the disk may be in now: what was synced is there; of all else each block of 4 KiB, each change of a length and each
   * name is there or not.
   */
  write(target: string, random: Random): void;
}

/**
 * @param trace of `strace -f -y -xx -s 10000000`
 * @param folder that was written to
 */
export function powerLoss(trace: string, folder: string): PowerLoss {
  const calls = callsOf(trace);
  const said: string[] = [];
  const names = new Map<string, Content>();
  const kept = new Map<string, Content>();
  const places = new Map<Content, number>();
  let next = 0;

  function carryOut({ name, args, result }: Call): void {
    if (result === undefined || result < 0) return;
    const [first = ''] = args;
    if (name === 'write' && first.startsWith('1<'))
      said.push(
        ...textOf(args[1] ?? '')
          .toString('utf8')
          .trim()
          .split('\n'),
      );
    const path = name === 'openat' ? pathOf(args[1] ?? '') : /^\d+</.test(first) ? pathOf(first.slice(first.indexOf('<'))) : pathOf(first);
    if (path === folder) {
      if (name !== 'fsync') return;
      kept.clear();
      for (const [one, content] of names) kept.set(one, content);
    }
    // What lies in memory is shared by what runs, and not read by what starts after it.
    if (!path.startsWith(`${folder}/`) || path.endsWith('-shm')) return;
    if (name === 'rename') {
      const content = names.get(path);
      if (content !== undefined) names.set(pathOf(args[1] ?? ''), content);
    }
    if (name === 'rename' || name === 'unlink') return void names.delete(path);
    const content = names.get(path) ?? { changes: [], synced: 0 };
    if (name === 'openat') {
      const flags = args[2] ?? '';
      if (!names.has(path) && !flags.includes('O_CREAT')) return;
      names.set(path, content);
      places.set(content, 0);
      if (flags.includes('O_TRUNC')) content.changes.push({ length: 0 });
    } else if (name === 'ftruncate') content.changes.push({ length: Number(args[1]) });
    else if (name === 'pwrite64') content.changes.push({ at: Number(args[3]), bytes: textOf(args[1] ?? '').subarray(0, result) });
    else if (name === 'write') {
      const at = places.get(content) ?? 0;
      content.changes.push({ at, bytes: textOf(args[1] ?? '').subarray(0, result) });
      places.set(content, at + result);
    } else {
      content.synced = content.changes.length;
      kept.set(path, content);
    }
  }

  return {
    said,
    step() {
      const call = calls[next];
      if (call !== undefined) carryOut(call);
      next += 1;
      return call !== undefined;
    },
    write(target, random) {
      mkdirSync(target, { recursive: true });
      const share = [0, 0.5, 1][Math.floor(random.float() * 3)] ?? 0;
      const happens = (): boolean => random.float() < share;
      for (const path of new Set([...names.keys(), ...kept.keys()])) {
        const [now, before] = [names.get(path), kept.get(path)];
        const content = now === before || happens() ? now : before;
        if (content === undefined) continue;
        const file = join(target, relative(folder, path));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, bytesOf(content, happens));
      }
    },
  };
}

function bytesOf({ changes, synced }: Content, happens: () => boolean): Buffer {
  let bytes = Buffer.alloc(0);
  const put = (at: number, piece: Buffer): void => {
    if (at + piece.length > bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(at + piece.length - bytes.length)]);
    piece.copy(bytes, at);
  };
  for (const [number, change] of changes.entries()) {
    const isSure = number < synced;
    if ('length' in change) {
      if (!isSure && !happens()) continue;
      bytes = Buffer.concat([bytes.subarray(0, change.length), Buffer.alloc(Math.max(0, change.length - bytes.length))]);
      continue;
    }
    const end = change.at + change.bytes.length;
    for (let at = change.at; at < end;) {
      const until = Math.min(end, (Math.floor(at / blockBytes) + 1) * blockBytes);
      if (isSure || happens()) put(at, change.bytes.subarray(at - change.at, until - change.at));
      at = until;
    }
  }
  return bytes;
}

interface Call {
  readonly name: string;
  readonly args: readonly string[];
  readonly result: number | undefined;
}

/** In the order in which they ended. */
function callsOf(trace: string): Call[] {
  const open = new Map<string, string>();
  return trace.split('\n').flatMap((line) => {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/s.exec(line) ?? [];
    if (text.endsWith('<unfinished ...>')) {
      open.set(thread, text.slice(0, -'<unfinished ...>'.length));
      return [];
    }
    const whole = text.replace(/^<\.\.\. \w+ resumed>/, () => open.get(thread) ?? '');
    const [, name = '', args = '', result] = /^(\w+)\((.*)\)\s+= (-?\d+)/s.exec(whole) ?? [];
    return name === '' ? [] : [{ name, args: args.split(', '), result: result === undefined ? undefined : Number(result) }];
  });
}

/** Of "\x41\x42". */
function textOf(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll(/[^0-9a-f]/g, ''), 'hex');
}

function pathOf(escaped: string): string {
  return textOf(escaped).toString('utf8');
}
