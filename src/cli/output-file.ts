import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import { tryToWriteBeside, writeFileAtomically } from '../util/files.ts';

/** A file of results that has its own name only once it is whole; until then it is `<path>.partial`. */
export interface PartialFile {
  write(piece: string | Uint8Array): Promise<void>;
  /** On disk and under its own name. */
  complete(): Promise<void>;
  /** Leaves what there is. */
  close(): Promise<void>;
}

/** A file of one line an item. Nothing is written before one of its methods is called. */
export interface LineFile<Item> {
  /** Empties what an earlier run left under the name of the partial file. */
  begin(): Promise<void>;
  append(item: Item): Promise<void>;
  /** Writes the file anew from the items, in their order, and gives it its name. */
  finish(items: AsyncIterable<Item>): Promise<void>;
  close(): Promise<void>;
}

export interface LineFormat<Item> {
  readonly head: string;
  line(item: Item): string;
}

/** @throws MillraceError E_INPUT_INVALID where the ending of the path names none of them */
export function formatOf<Format>(path: string, formats: Readonly<Record<string, Format>>, what: string): Format {
  const format = formats[extname(path).toLowerCase()];
  if (format !== undefined) return format;
  throw new MillraceError('E_INPUT_INVALID', `${what} cannot be written to ${path}: its ending names no known format.`, {
    remedy: `Give a file that ends in ${Object.keys(formats).join(' or ')}.`,
  });
}

/** @throws MillraceError E_OUTPUT_EXISTS without `force`, and for a folder */
export async function requireFree(path: string, force: boolean): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory() === true) {
    throw new MillraceError('E_OUTPUT_EXISTS', `${path} is a folder.`, { remedy: 'Name a file.' });
  }
  if (force || there === undefined) return;
  throw new MillraceError('E_OUTPUT_EXISTS', `The file ${path} exists already.`);
}

/**
 * Tells before a run what could not be written after it. A partial file that is there stays as it is: it may be that of a run at work.
 * @throws MillraceError E_INPUT_INVALID where the file cannot be made
 */
export async function requireWritable(path: string): Promise<void> {
  await (await openHandle(`${path}.partial`, 'a')).close();
}

/**
 * The same of a report, which is written whole and takes the place of what has its name; leaves nothing behind.
 * @throws MillraceError E_INPUT_INVALID where it cannot be written, E_OUTPUT_EXISTS where a folder has its name
 */
export async function requireReportPath(workingDirectory: string, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const absolute = resolve(workingDirectory, path);
  await requireFree(absolute, true);
  try {
    await tryToWriteBeside(absolute);
  } catch (error) {
    throw reportFailed(path, error);
  }
}

/**
 * The same of a file of judged answers, which is added to; an empty one is left where there was none.
 * @throws MillraceError E_INPUT_INVALID where it cannot be written, and for another kind of file
 */
export async function requireJudgedFile(path: string): Promise<void> {
  formatOf(path, { '.jsonl': true }, 'Judged answers');
  await (await openHandle(path, 'a')).close();
}

/** @throws MillraceError E_INPUT_INVALID where it cannot be written */
export async function writeReportFile(workingDirectory: string, path: string, content: string): Promise<void> {
  try {
    await writeFileAtomically(resolve(workingDirectory, path), content);
  } catch (error) {
    throw reportFailed(path, error);
  }
}

function reportFailed(path: string, error: unknown): MillraceError {
  return toMillraceError(error, 'E_INPUT_INVALID', `The report ${path} cannot be written`);
}

/** @throws MillraceError E_INPUT_INVALID where the file cannot be made */
export async function openPartial(path: string): Promise<PartialFile> {
  const partial = `${path}.partial`;
  const handle = await openHandle(partial, 'w');
  const failed = (error: unknown): never => {
    throw toMillraceError(error, 'E_STORE_FAILED', `Writing to ${partial} failed`);
  };
  return {
    write: (piece) => handle.writeFile(piece).catch(failed),
    async complete() {
      await handle.sync().catch(failed);
      await handle.close();
      await rename(partial, path).catch(failed);
    },
    close: () => handle.close().catch(() => undefined),
  };
}

async function openHandle(path: string, flags: 'a' | 'w'): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    throw toMillraceError(error, 'E_INPUT_INVALID', `${path} cannot be written`);
  }
}

/** @throws MillraceError E_OUTPUT_EXISTS without `force`, E_INPUT_INVALID where the file cannot be made */
export async function createLineFile<Item>(
  path: string,
  format: LineFormat<Item>,
  options: { readonly force: boolean },
): Promise<LineFile<Item>> {
  await requireFree(path, options.force);
  await requireWritable(path);
  let file: PartialFile | undefined;

  async function begin(): Promise<PartialFile> {
    await file?.close();
    file = await openPartial(path);
    await file.write(format.head);
    return file;
  }

  return {
    begin: async () => void (await begin()),
    append: async (item) => (file ?? (await begin())).write(format.line(item)),
    async finish(items) {
      const whole = await begin();
      for await (const item of items) await whole.write(format.line(item));
      await whole.complete();
    },
    close: async () => file?.close(),
  };
}
