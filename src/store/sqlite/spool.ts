import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';

/** Values in their order, read as often as wanted: few are in memory, many in a file of their own that no other process sees. */
export interface Spool<Value> {
  /** `size`: about how much memory it takes. */
  add(value: Value, size: number): void;
  values(): Generator<Value>;
  /** Ends it, and its file. */
  close(): void;
}

/** What is held in memory before there is a file. Bytes. */
const heldBytes = 2 * 1024 * 1024;

const lengthBytes = 4;

/** Files of spools that a process left behind: called by the one that holds the lock of the directory, before it makes any. */
export function removeSpools(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** `folder` is made when it is needed; without one all values are in memory. */
export function createSpool<Value>(folder: string | undefined, name: string): Spool<Value> {
  let held: Value[] = [];
  let size = 0;
  let file: { readonly descriptor: number; readonly path: string; end: number } | undefined;

  function open(into: string): NonNullable<typeof file> {
    mkdirSync(into, { recursive: true, mode: 0o700 });
    const path = join(into, name);
    const descriptor = openSync(path, 'wx+', 0o600);
    // Where the system allows it the file has no name from now on, and is gone with the process.
    if (process.platform !== 'win32') rmSync(path);
    return { descriptor, path, end: 0 };
  }

  function write(into: NonNullable<typeof file>, value: Value): void {
    const bytes = serialize(value);
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(bytes.length);
    for (const part of [length, bytes]) {
      for (let written = 0; written < part.length;) {
        written += writeSync(into.descriptor, part, written, part.length - written, into.end + written);
      }
      into.end += part.length;
    }
  }

  return {
    add(value, valueSize) {
      size += valueSize;
      if (folder === undefined || (file === undefined && size <= heldBytes)) {
        held.push(value);
        return;
      }
      file ??= open(folder);
      for (const earlier of held) write(file, earlier);
      held = [];
      write(file, value);
    },
    *values() {
      yield* held;
      for (let at = 0; file !== undefined && at < file.end;) {
        const length = read(file.descriptor, at, lengthBytes).readUInt32LE();
        yield deserialize(read(file.descriptor, at + lengthBytes, length)) as Value;
        at += lengthBytes + length;
      }
    },
    close() {
      held = [];
      if (file === undefined) return;
      closeSync(file.descriptor);
      if (process.platform === 'win32') rmSync(file.path, { force: true });
      file = undefined;
    },
  };
}

function read(descriptor: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let position = 0; position < length;) {
    const count = readSync(descriptor, bytes, position, length - position, at + position);
    if (count === 0) throw new RangeError('A file of a staged document is shorter than it was written.');
    position += count;
  }
  return bytes;
}
