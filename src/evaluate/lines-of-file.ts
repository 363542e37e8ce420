import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MillraceError } from '../errors.ts';

export interface FileLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** Longest line that is read, in characters. */
const maxLineLength = 16_000_000;

/**
 * The lines of a UTF-8 file, one that ends in `.gz` unpacked, without those that are blank, read as a stream.
 * @throws MillraceError E_SOURCE_MISSING, E_INPUT_INVALID (unreadable, damaged, a line without end)
 */
export async function* linesOfFile(path: string): AsyncGenerator<FileLine> {
  let line = 0;
  let rest = '';
  const take = (text: string): FileLine => ({ line: (line += 1), text: line === 1 ? text.replace(/^\uFEFF/u, '') : text });
  try {
    for await (const piece of textOf(path)) {
      const texts = (rest + piece).split('\n');
      rest = texts.pop() ?? '';
      for (const text of texts) {
        const taken = take(text.replace(/\r$/, ''));
        if (taken.text.trim() !== '') yield taken;
      }
      if (rest.length > maxLineLength) {
        throw new MillraceError('E_INPUT_INVALID', `Line ${line + 1} of ${path} is longer than ${maxLineLength} characters.`);
      }
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new MillraceError('E_SOURCE_MISSING', `The file ${path} does not exist.`);
    throw new MillraceError('E_INPUT_INVALID', `The file ${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  if (rest.trim() !== '') yield take(rest);
}

function textOf(path: string): AsyncIterable<string> {
  const file = createReadStream(path);
  if (!path.endsWith('.gz')) return file.setEncoding('utf8');
  const unpacked = createGunzip();
  // An error of either ends the other, and is thrown to who reads.
  pipeline(file, unpacked, () => undefined);
  return unpacked.setEncoding('utf8');
}
