import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import type { JudgedAnswer, JudgedQuestion } from '../index.ts';
import { hashOf } from '../util/hash.ts';
import type { EvalOptions } from './eval-options.ts';
import type { Terminal } from './terminal.ts';

/** What was judged before and is judged now, kept in a file so that an interrupted evaluation goes on. */
export interface JudgedFile {
  /** From before, or added since; undefined where the question is still to be asked. Failed ones are asked again. */
  get(question: JudgedQuestion): JudgedAnswer | undefined;
  add(judged: JudgedAnswer): Promise<void>;
  close(): Promise<void>;
}

interface Line {
  readonly key: string;
  readonly pipeline: string;
  readonly judged: JudgedAnswer;
}

/**
 * The file of `--out`; without it nothing is kept. A line belongs to a way of asking: what was asked in another way stays in the file and
 * is not used.
 */
export async function openJudgedFile(
  terminal: Terminal,
  options: EvalOptions,
  how: { readonly pipeline: string; readonly asked: object },
): Promise<JudgedFile> {
  const key = hashOf(how.asked);
  const known = new Map<string, JudgedAnswer>();
  const { out } = options;
  if (out === undefined) return { get: () => undefined, add: () => Promise.resolve(), close: () => Promise.resolve() };
  const path = resolve(terminal.workingDirectory, out);
  if (extname(path) !== '.jsonl') throw new MillraceError('E_INPUT_INVALID', `Judged answers are written to a .jsonl file, not to ${out}.`);
  if (options.force === true) await writeFile(path, '');
  // A kill can leave half a line at the end: what follows begins a new one.
  await appendFile(path, '\n');
  for (const line of await linesOf(path)) if (line.key === key && line.judged.error === null) known.set(line.judged.id, line.judged);
  let writing = Promise.resolve();
  return {
    get(question) {
      const found = known.get(question.id);
      return found?.question === question.question ? found : undefined;
    },
    add(judged) {
      const line: Line = { key, pipeline: how.pipeline, judged };
      writing = writing.then(() => appendFile(path, `${JSON.stringify(line)}\n`));
      return writing.catch((error: unknown) => {
        throw toMillraceError(error, 'E_STORE_FAILED', `Writing to ${out} failed`);
      });
    },
    close: () => writing.catch(() => undefined),
  };
}

async function linesOf(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw toMillraceError(error, 'E_INPUT_INVALID', `${path} cannot be read`);
  });
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}
