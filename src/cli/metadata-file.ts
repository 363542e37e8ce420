import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { MillraceError, toMillraceError } from '../errors.ts';
import { metadata } from '../spec/identifiers.ts';
import type { IngestOptions } from '../spec/mill.ts';
import { visibleOnLine } from './terminal.ts';

/** Sources that one file may describe; it is held in memory while they are read. */
const maxSources = 1_000_000;

const line = z.object({ source: z.string().min(1).max(4_096), title: z.string().max(2_000).optional() });

/**
 * Titles and metadata of single sources from a JSONL file: `{"source": "contracts/a.pdf", "title": "Lease", "year": 2024}`. Every key
 * beside `source` and `title` is metadata. Relative paths are meant from the working directory, as on the command line.
 * @throws MillraceError E_SOURCE_MISSING, E_SOURCE_UNREADABLE, E_INPUT_INVALID with the line
 */
export async function readMetadataFile(path: string, workingDirectory: string): Promise<NonNullable<IngestOptions['metadataBySource']>> {
  const file = resolve(workingDirectory, path);
  // Any name may be a source's, "__proto__" too.
  const found = Object.create(null) as NonNullable<IngestOptions['metadataBySource']>;
  const input = createReadStream(file, 'utf8');
  let number = 0;
  try {
    for await (const read of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      const text = number === 1 ? read.replace(/^\uFEFF/u, '') : read;
      if (text.trim() === '') continue;
      const { source, title, given } = parse(text, file, number);
      // What was read, not what its schema made of it, which knows no "__proto__".
      const { source: _source, title: _title, ...rest } = given;
      const checked = metadata.safeParse(rest);
      if (!checked.success) {
        const [issue] = checked.error.issues;
        throw invalid(file, number, `is not valid at "${issue?.path.join('.') ?? ''}": it takes text, numbers, true, false and null`);
      }
      if (number > maxSources) throw invalid(file, number, `is beyond the ${maxSources} lines that such a file may have`);
      found[source] = { metadata: checked.data, ...(title === undefined ? {} : { title }) };
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new MillraceError('E_SOURCE_MISSING', `The file ${file} does not exist.`, { cause: error });
    throw toMillraceError(error, 'E_SOURCE_UNREADABLE', `The file ${file} cannot be read`);
  }
  return found;
}

/** Names of sources that a file describes, less those that an ingestion met: what is left says nothing of anything. */
export function createUnmetNames(
  names: readonly string[],
  workingDirectory: string,
): {
  meet(source: string): void;
  /** A sentence for people; undefined where all were met. */
  describe(): string | undefined;
} {
  const unmet = new Map(names.map((name) => [resolve(workingDirectory, name), name]));
  return {
    meet(source) {
      unmet.delete(resolve(workingDirectory, source));
    },
    describe() {
      const [first] = unmet.values();
      if (first === undefined) return undefined;
      const others = unmet.size === 1 ? '' : ` and ${unmet.size - 1} more`;
      return `No source of this call is named ${visibleOnLine(first)}${others}, as the file of metadata says.`;
    },
  };
}

function parse(
  text: string,
  file: string,
  number: number,
): z.infer<typeof line> & { readonly given: object & Partial<z.infer<typeof line>> } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(file, number, `is no JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  const parsed = line.safeParse(value);
  if (!parsed.success) throw invalid(file, number, 'names no source: it takes {"source": path or id, "title": …, any other key: value}');
  const { source, title } = parsed.data;
  return { source, ...(title === undefined ? {} : { title }), given: value as object };
}

function invalid(file: string, number: number, problem: string): MillraceError {
  return new MillraceError('E_INPUT_INVALID', `Line ${number} of ${file} ${problem}.`, { details: { line: number } });
}
