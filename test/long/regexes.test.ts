import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { globSync } from 'tinyglobby';
import { expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

/** The part of `recheck` that is used: it tells which expressions a text can keep busy for longer than its length warrants. */
interface Recheck {
  checkSync(
    source: string,
    flags: string,
    limits: { readonly timeout: number },
  ): { readonly status: 'safe' | 'vulnerable' | 'unknown'; readonly complexity?: { readonly summary: string } };
}

const recheck = await loadRecheck();
if (recheck === undefined) process.stdout.write('skipped: recheck is not there (npm install --no-save --omit=optional recheck@4.5.0)\n');

/** What one expression may take to be judged, in ms. It stays undecided where that is not enough. */
const timeout = 15_000;

/**
 * Expressions that are not proved linear, each by a part of its source, and why that does no harm. The proof does not count how often `{0,40}`
 * may repeat, and gives up on many that look back.
 */
const excused: readonly (readonly [file: string, part: string, reason: string])[] = [
  ['src/engines/fake/answer.ts', '(?<=[.!?])', 'the engine of tests'],
  ['src/language/footnote-marks.ts', '[^[\\]\\n]{1,20}', 'a mark ends within 21 characters'],
  ['src/language/index-text.ts', '\\p{N}{1,3}(?:[.,', 'looks back: begins once in a run of digits'],
  ['src/language/index-text.ts', '\\p{L}*\\p{Ll}\\p{Lu}', 'looks back: begins once in a word, of which the caller gives a few at a time'],
  ['src/language/prose.ts', '\\p{L}_+\\p{L}', 'of a piece without white space, of at most 4,000 characters'],
  ['src/language/numbers.ts', '(?<!0)0+$', 'looks back: begins once in a run of zeros'],
  ['src/models/model-name.ts', '^hf:', 'of at most 1,000 characters'],
  ['src/parse/markdown.ts', '^\\uFEFF?---', 'anchored, and within 20,000 characters'],
  ['src/parse/office/epub.ts', '<(title|script', 'ends before the next angle bracket'],
  ['src/parse/office/word-text.ts', 'automatically generated|^', 'a fixed text, and an anchored one'],
  ['src/parse/text-type.ts', '^(?:from|to|cc', 'anchored, within a line'],
  ['src/parse/text-type.ts', '^(?:<\\?xml', 'anchored; a comment ends once'],
  ['src/query/cite.ts', '(?<!\\s)\\s+([.!?])+$', 'looks back: begins once in a run of white space'],
  ['src/query/cite.ts', '^(.*?)(?<!', 'looks back: begins once in a run of stops'],
  ['src/query/grounding.ts', '^["“”„«»\']+|', 'looks back: begins once in a run of stops'],
  ['src/query/injection.ts', '\\b(?:ignore|', 'at most 40 × 40 steps from a word, within 2,000 characters'],
  ['src/query/injection.ts', '\\b(?:ignoriere|', 'at most 60 steps from a word, within 2,000 characters'],
  ['src/query/injection.ts', '^(?:please', 'anchored, within 2,000 characters'],
  ['src/query/injection.ts', '\\b(?:in|with|from) your', 'at most 80 steps from a word, within 2,000 characters'],
  ['src/query/injection.ts', '\\b(?:in|zu|an) (?:deine', 'at most 120 steps from a word, within 2,000 characters'],
  ['src/query/markers.ts', '(?<!\\s)\\s*\\[', 'looks back: begins once in a run of white space'],
  ['src/query/markers.ts', '(?<![\\p{L}\\p{M}\\p{N}\\])])', 'of at most 200 characters'],
  ['src/query/markers.ts', '(?<![^\\s“”', 'looks back: begins once in a word'],
  ['src/query/matching.ts', "\\p{Lu}[\\p{L}\\p{M}'’-]*(?:", 'of one passage, or of a question'],
  ['src/query/matching.ts', '(?:\\p{Lu}|(?:\\p{L}\\.', 'of at most 12 characters'],
  ['src/query/polarity.ts', '^(?:\\p{L}+\\s+)?(?:who', 'anchored: one word before a fixed one'],
  ['src/store/sqlite/text-query.ts', '{2,200}', 'a phrase ends within 200 characters'],
  ['src/store/sqlite/text-query.ts', '[\\p{L}\\p{N}]+(?:[._', 'looks back: begins once in a word'],
];

interface Expression {
  readonly source: string;
  readonly flags: string;
  readonly places: string[];
}

it('T24: no regular expression takes more than its text warrants', { skip: recheck === undefined, timeout: 1_800_000 }, () => {
  const expressions = [...literals().values()];
  expect(expressions.length).toBeGreaterThan(250);
  const suspects = expressions.flatMap(({ source, flags, places }) => {
    const found = recheck?.checkSync(source, flags.replace(/[dv]/g, ''), { timeout });
    if (found?.status === 'safe') return [];
    const wrong = places.filter((place) => !excused.some(([file, part]) => place.startsWith(`${file}:`) && source.includes(part)));
    return wrong.map((place) => `${place} /${source}/${flags}: ${found?.complexity?.summary ?? 'undecided'}`);
  });
  expect(suspects).toEqual([]);
  // A faster machine may prove what another one leaves undecided; an excuse for an expression that is gone is none.
  const gone = excused.filter(
    ([file, part]) =>
      !expressions.some(({ source, places }) => source.includes(part) && places.some((place) => place.startsWith(`${file}:`))),
  );
  expect(gone).toEqual([]);
});

async function loadRecheck(): Promise<Recheck | undefined> {
  // Its own processes of other languages are not needed, nor downloaded.
  process.env['RECHECK_BACKEND'] = 'pure';
  const name = 'recheck';
  try {
    return (await import(name)) as Recheck;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The literals of what is shipped, each once, with the places where it stands. */
function literals(): Map<string, Expression> {
  const root = join(import.meta.dirname, '../..');
  const found = new Map<string, Expression>();
  for (const file of globSync('src/**/*.ts', { cwd: root, ignore: ['**/*.test.ts', 'src/testing/**', '**/fixtures/**'] })) {
    const text = readFileSync(join(root, file), 'utf8');
    visit(parseAst(text, { lang: 'ts' }), ({ source, flags, start }) => {
      const key = `/${source}/${flags}`;
      const expression = found.get(key) ?? { source, flags, places: [] };
      expression.places.push(`${file}:${text.slice(0, start).split('\n').length}`);
      found.set(key, expression);
    });
  }
  return found;
}

interface Literal {
  readonly source: string;
  readonly flags: string;
  readonly start: number;
}

function visit(node: unknown, each: (literal: Literal) => void): void {
  if (typeof node !== 'object' || node === null) return;
  const { regex, start } = node as {
    readonly regex?: { readonly pattern: string; readonly flags: string } | null;
    readonly start?: number;
  };
  if (regex !== undefined && regex !== null && start !== undefined) each({ source: regex.pattern, flags: regex.flags, start });
  for (const value of Object.values(node)) visit(value, each);
}
