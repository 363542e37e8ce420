import { expect, it } from 'vitest';
import { documentFacts } from './make-document.ts';

const identity = { bytesSha256: 'b', parseOptionsHash: 'none' };
const chunker = { options: { targetTokens: 20, maxTokens: 30, overlapTokens: 0 }, hash: 'by-twenty' };
const model = { id: 'small', languages: ['en'] };
const german = 'Die Miete ist am ersten Tag des Monats zu zahlen. Der Mieter darf das Haus nicht verkaufen.';

function factsOf(said: { readonly title?: string; readonly language?: string }, text = german) {
  const parsed = {
    contentType: 'text/html',
    parser: 'html',
    parserVersion: 1,
    pages: [{ number: 1, start: 0, end: text.length }],
    blocks: [],
    warnings: [],
    text,
    ...said,
  };
  return documentFacts(parsed, identity, chunker, model);
}

it('cuts a title that is a text of its own, between characters: it stands before each passage', () => {
  expect(factsOf({ title: 'Lease' }).title).toBe('Lease');
  expect(factsOf({ title: 'x'.repeat(500) }).title).toHaveLength(500);
  expect(factsOf({ title: `${'x'.repeat(499)}🏠${'y'.repeat(400_000)}` }).title).toBe('x'.repeat(499));
});

it('reads the text of a document that calls its language by no code', () => {
  expect(factsOf({ language: 'German' })).toMatchObject({ language: 'de', warnings: [expect.stringContaining('language "de"')] });
  expect(factsOf({ language: 'English' }, 'The rent is due on the first day of the month.')).toMatchObject({
    language: 'en',
    warnings: [],
  });
});
