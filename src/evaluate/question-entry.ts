import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import { sha256 } from '../util/hash.ts';
import { nearestNames } from '../util/nearest-names.ts';

/** A question with what is known of its answer. */
export interface JudgedQuestion {
  /** Given, or the question itself. */
  readonly id: string;
  readonly question: string;
  /** Any of them is right; empty where only the source or nothing is known. */
  readonly expected: readonly string[];
  /** A number that must stand in the answer. */
  readonly number: number | null;
  readonly unanswerable: boolean;
  /** Names or patterns of the sources that hold the answer. */
  readonly sources: readonly string[];
  readonly page: number | null;
  /** The passage over which alone the question is asked. */
  readonly context: string | null;
  readonly language: string;
}

const name = z.union([z.string(), z.number()], 'it takes a text');
const texts = z.union([z.string(), z.number(), z.array(name)], 'it takes a text, a number or a list of them').nullish();

const entry = z.object({
  id: name.nullish(),
  question: z.string('it takes a text').trim().min(1, 'it is empty').max(200_000),
  expected: texts,
  number: z.number('it takes a number').nullish(),
  unanswerable: z.boolean('it takes true or false').nullish(),
  answerable: z.boolean('it takes true or false').nullish(),
  source: z.union([z.string(), z.array(z.string())], 'it takes a text or a list of them').nullish(),
  page: z.number('it takes a number').int().min(1).nullish(),
  context: z.string('it takes a text').nullish(),
  language: z.string('it takes a code such as "de"').min(2).max(20).nullish(),
});

/** Keys that an entry may have. */
export const entryKeys = Object.keys(entry.shape);

/** Names that other data sets use. */
const aliases: Readonly<Record<string, string>> = { answers: 'expected', answer: 'expected', source_docs: 'source', sources: 'source' };

/**
 * Reads one entry.
 *
 * @param where the place of the entry, for errors: "Line 3 of questions.jsonl"
 * @param unknown what becomes of keys that are not known: `refuse` them, or `allow` what resembles no key that is missing
 * @throws MillraceError E_INPUT_INVALID with the place, the key and the nearest valid one
 */
export function readEntry(value: unknown, where: string, unknown: 'refuse' | 'allow'): JudgedQuestion {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(where, 'is no entry with a question');
  const known: Record<string, unknown> = {};
  for (const [key, held] of Object.entries(value)) {
    const meant = entryKeys.includes(key) ? key : aliases[key];
    if (meant !== undefined) known[meant] ??= held;
    else refuseUnknown(key, Object.keys(value), where, unknown);
  }
  const parsed = entry.safeParse(known);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(where, `is not valid at "${issue?.path.join('.') ?? ''}": ${(issue?.message ?? 'unknown reason').replace(/\.$/u, '')}`);
  }
  return checked(parsed.data, where);
}

function refuseUnknown(key: string, present: readonly string[], where: string, unknown: 'refuse' | 'allow'): void {
  const near = nearestNames(
    key.toLowerCase(),
    entryKeys.filter((one) => !present.includes(one)),
  );
  if (unknown === 'allow' && near.length === 0) return;
  const hint = near.length === 0 ? `It may hold ${entryKeys.join(', ')}.` : `Did you mean ${near.join(' or ')}?`;
  throw invalid(where, `has an unknown key "${key}"`, hint);
}

function checked(given: z.infer<typeof entry>, where: string): JudgedQuestion {
  const list = (values: z.infer<typeof texts>): string[] =>
    (Array.isArray(values) ? values : values === undefined || values === null ? [] : [values])
      .map(String)
      .filter((text) => text.trim() !== '');
  if (given.unanswerable !== undefined && given.unanswerable !== null && given.answerable === given.unanswerable) {
    throw invalid(where, 'says both that it can be answered and that it cannot');
  }
  const unanswerable = given.unanswerable ?? given.answerable === false;
  // A bare number is compared by its value: 1150 stands in "1,150.00".
  const number = given.number ?? (typeof given.expected === 'number' ? given.expected : null);
  const expected = typeof given.expected === 'number' ? [] : list(given.expected);
  if (unanswerable && (expected.length > 0 || number !== null)) throw invalid(where, 'cannot be answered and yet expects an answer');
  return {
    id: String(given.id ?? given.question),
    question: given.question,
    expected,
    number,
    unanswerable,
    sources: list(given.source),
    page: given.page ?? null,
    context: given.context?.trim() === '' ? null : (given.context ?? null),
    language: given.language ?? 'en',
  };
}

function invalid(where: string, problem: string, remedy?: string): MillraceError {
  return new MillraceError('E_INPUT_INVALID', `${where} ${problem}.`, remedy === undefined ? {} : { remedy });
}

export type Split = 'dev' | 'report';

/**
 * Which half a question belongs to: `dev` to tune with, `report` to report. By the first bit of the sha256 of its passage, so that all
 * questions over one passage are in one half; of one without a passage, or of an id alone, by that of the id. It depends on nothing else, and
 * no question is ever in both.
 */
export function splitOf(question: string | Pick<JudgedQuestion, 'id' | 'context'>): Split {
  const id = typeof question === 'string' ? question : (question.context ?? question.id);
  return Number.parseInt(sha256(id).slice(0, 1), 16) < 8 ? 'dev' : 'report';
}
