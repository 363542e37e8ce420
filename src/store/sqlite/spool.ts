import { closeSync, openSync, readdirSync, readSync, unlinkSync, writeSync } from 'node:fs';
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

/** Beside the record, by a name of its own: whatever else lies there is the user's. */
const fileName = /^record\.staged-\d+$/;

/** Files of spools that a process left behind: called by the one that holds the lock of the directory, before it makes any. */
export function removeSpools(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isFile() && fileName.test(entry.name)) unlinkSync(join(directory, entry.name));
  }
}

/** Its file is made in the directory when it is needed; without a directory all values are in memory. */
export function createSpool<Value>(directory: string | undefined, number: number): Spool<Value> {
  let held: Value[] = [];
  let size = 0;
  let file: { readonly descriptor: number; readonly path: string; end: number } | undefined;

  function open(into: string): NonNullable<typeof file> {
    const path = join(into, `record.staged-${number}`);
    const descriptor = openSync(path, 'wx+', 0o600);
    // Where the system allows it the file has no name from now on, and is gone with the process.
    if (process.platform !== 'win32') unlinkSync(path);
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
      if (directory === undefined || (file === undefined && size <= heldBytes)) {
        held.push(value);
        return;
      }
      file ??= open(directory);
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
      if (process.platform === 'win32') unlinkSync(file.path);
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
