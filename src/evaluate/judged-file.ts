import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import { hashOf } from '../util/hash.ts';
import { type JudgedAnswer, judgeAnswer } from './judge-answer.ts';
import type { JudgedQuestion } from './question-entry.ts';

/** What was judged before and is judged now, kept in a file so that an interrupted evaluation goes on. */
export interface JudgedFile {
  /** What was given before, judged by what is expected now; undefined where the question is still to be asked. Failed ones are asked again. */
  get(question: JudgedQuestion): JudgedAnswer | undefined;
  add(judged: JudgedAnswer, question: JudgedQuestion): Promise<void>;
  /** Resolves when everything is written. */
  close(): Promise<void>;
}

interface Line {
  readonly key: string;
  /** Of the question and the passage it was asked over. */
  readonly asked: string;
  readonly judged: JudgedAnswer;
}

/**
 * A file of JSON lines. A line belongs to a way of asking: what was asked in another way stays in the file and is not used.
 *
 * @param asked what an answer depends on besides the question and its passage: pipeline, models, documents, version
 * @param options `anew` empties the file
 * @throws MillraceError E_INPUT_INVALID (another kind of file, or one that cannot be read or written)
 */
export async function openJudgedFile(path: string, asked: object, options: { readonly anew?: boolean } = {}): Promise<JudgedFile> {
  if (extname(path) !== '.jsonl') throw new MillraceError('E_INPUT_INVALID', `Judged answers are kept in a .jsonl file, not in ${path}.`);
  const key = hashOf(asked);
  const known = new Map<string, Line>();
  try {
    if (options.anew === true) await writeFile(path, '');
    const text = await textOf(path);
    // A kill can leave half a line at the end: what follows begins a new one.
    if (text !== '' && !text.endsWith('\n')) await appendFile(path, '\n');
    for (const line of linesOf(text)) if (line.key === key && line.judged.error === null) known.set(line.judged.id, line);
  } catch (error) {
    throw toMillraceError(error, 'E_INPUT_INVALID', `${path} cannot be used`);
  }
  let writing = Promise.resolve();
  return {
    get(question) {
      const found = known.get(question.id);
      return found?.asked === askedBy(question) ? judgeAnswer(question, found.judged.given) : undefined;
    },
    add(judged, question) {
      const line: Line = { key, asked: askedBy(question), judged };
      writing = writing.then(() => appendFile(path, `${JSON.stringify(line)}\n`));
      return writing.catch((error: unknown) => {
        throw toMillraceError(error, 'E_STORE_FAILED', `Writing to ${path} failed`);
      });
    },
    close: () => writing.catch(() => undefined),
  };
}

function askedBy({ question, context }: JudgedQuestion): string {
  return hashOf({ question, context });
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
}

function linesOf(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Line];
    } catch {
      // The half of a line that a kill has left.
      return [];
    }
  });
}
