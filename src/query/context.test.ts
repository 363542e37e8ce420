import { describe, expect, it } from 'vitest';
import { createFakeTokenizer } from '../engines/fake/tokenizer.ts';
import type { Hit } from '../spec/answers.ts';
import { fitContext } from './context.ts';

const tokenizer = createFakeTokenizer();
const signal = new AbortController().signal;
const question = 'How many passengers does the ferry carry?';

function hit(rank: number, text: string, changes: Partial<Hit> = {}): Hit {
  return {
    rank,
    score: 1 / rank,
    document: `document-${rank}`,
    source: `source-${rank}`,
    title: null,
    metadata: {},
    page: 1,
    pageLabel: null,
    pageKind: null,
    start: 0,
    end: text.length,
    headingPath: [],
    tableHeader: null,
    text,
    chunk: rank,
    ranks: {},
    ...changes,
  };
}
const filler = (sentences: number): string =>
  Array.from({ length: sentences }, (_, index) => `Sentence ${index} tells of other things.`).join(' ');
const fit = (hits: readonly Hit[], budgetTokens: number) => fitContext({ question, language: 'en' }, hits, budgetTokens, tokenizer, signal);
async function tokensOf(passages: readonly string[]): Promise<number> {
  return (await tokenizer.countTokens(passages)).reduce((sum, count) => sum + count, 0);
}

describe('fitContext', () => {
  it('numbers the passages as the hits it returns, in rank order', async () => {
    const { hits, passages } = await fit([hit(1, 'The ferry carries 48 passengers.'), hit(2, 'The workshop opens at 7:30.')], 1_000);
    expect(hits.map(({ rank }) => rank)).toEqual([1, 2]);
    expect(passages.map((passage) => passage.slice(0, 3))).toEqual(['[1]', '[2]']);
    expect(passages[0]).toContain('The ferry carries 48 passengers.');
  });

  it.each([80, 160, 320, 1_000])('stays within a budget of %i tokens', async (budget) => {
    const hits = Array.from({ length: 8 }, (_, index) => hit(index + 1, `${filler(20)} The ferry carries ${index} passengers.`));
    const { passages } = await fit(hits, budget);
    expect(await tokensOf(passages)).toBeLessThanOrEqual(budget);
    expect(passages.length).toBeGreaterThan(0);
  });

  it('reads several hits rather than one long one', async () => {
    const { hits } = await fit([hit(1, filler(200)), hit(2, 'The ferry carries 48 passengers.'), hit(3, filler(3))], 200);
    expect(hits.map(({ rank }) => rank)).toContain(2);
  });

  it('gives all the room there is to what was cut', async () => {
    for (const hits of [[hit(1, filler(200))], [hit(1, filler(200)), hit(2, 'The ferry carries 48 passengers.')]]) {
      const tokens = await tokensOf((await fit(hits, 400)).passages);
      expect(tokens).toBeGreaterThan(300);
      expect(tokens).toBeLessThanOrEqual(400);
    }
  });

  it('reads a hit that lies in the part of another one that is left out', async () => {
    const last = 'Bicycles wait in the shed.';
    const { hits } = await fit([hit(1, `The ferry carries 48 passengers. ${filler(100)} ${last}`), hit(2, last), hit(3, filler(40))], 160);
    expect(hits.map(({ rank }) => rank)).toContain(2);
  });

  it('keeps of a long hit what matches the question', async () => {
    const { passages } = await fit([hit(1, `${filler(60)} The ferry carries 48 passengers. ${filler(60)}`)], 120);
    expect(passages[0]).toContain('The ferry carries 48 passengers.');
  });

  it('leaves out a hit that lies inside one taken before', async () => {
    const whole = 'The ferry carries 48 passengers. Dogs travel free.';
    const { hits } = await fit([hit(1, whole), hit(2, 'Dogs travel free.'), hit(3, 'The workshop opens at 7:30.')], 1_000);
    expect(hits.map(({ rank }) => rank)).toEqual([1, 3]);
  });

  it('shows title, headings and the header of a table with the text', async () => {
    const { passages } = await fit(
      [hit(1, 'Adult | 4.50', { title: 'Fares', headingPath: ['Ferry'], tableHeader: 'Passenger | Fare' })],
      1_000,
    );
    expect(passages[0]).toMatch(/^\[1\] Fares > Ferry:\nPassenger \| Fare\n.*Adult/s);
  });

  it('has nothing to say about nothing', async () => {
    expect(await fit([], 100)).toEqual({ hits: [], passages: [] });
  });
});
