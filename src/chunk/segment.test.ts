import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkOptions } from '../spec/chunk.ts';
import { chunkerHash } from './chunker-hash.ts';
import { segment, segmentSlices } from './segment.ts';
import { splitSpan } from './split-span.ts';

function sentences(text: string): string[] {
  return segment(text, [{ kind: 'paragraph', start: 0, end: text.length }]).map(({ start, end }) => text.slice(start, end));
}

describe('segment', () => {
  it('cuts prose into sentences, over wrapped lines', () => {
    expect(sentences('The first one\nis wrapped. The second asks: why?\nThird!')).toEqual([
      'The first one\nis wrapped.',
      'The second asks: why?',
      'Third!',
    ]);
  });

  it.each([
    'We met Dr. Smith and Prof. Jones at noon.',
    'The rule (cf. Sec. 4) was signed by J. R. Miller.',
    'See Fig. 3 and approx. 40 others, e.g. Those in No. 7.',
    'Acme Inc. Europe pays.',
    'Das gilt z.B. Für Herrn Müller, vgl. Abs. 2.',
  ])('does not end a sentence after an abbreviation: %s', (text) => {
    expect(sentences(text)).toEqual([text]);
  });

  it('leaves the marks of footnotes to the sentence that they stand behind', () => {
    expect(sentences('It was completed in 1889.[1] It stands 330 metres tall[2] and more.[3][note 4] So it is.¹ Yes.')).toEqual([
      'It was completed in 1889.[1]',
      'It stands 330 metres tall[2] and more.[3][note 4]',
      'So it is.¹',
      'Yes.',
    ]);
  });

  it('finds the sentences that Unicode names, also where it need not look for them', () => {
    const named = new Intl.Segmenter('en', { granularity: 'sentence' });
    const unit = fc.constantFrom('x', 'Y y', ' ', '.', '!', '?', '"', ')', ']', ',', '1', '。', '…', '\u2028', '\u0085', '\u{1F600}');
    fc.assert(
      fc.property(fc.string({ unit, minLength: 1, maxLength: 12 }), (text) => {
        const wanted = [...named.segment(text)].map(({ segment: sentence }) => sentence.replaceAll(/\s+$|^\s+/g, ''));
        expect(sentences(text).map((sentence) => sentence.trim())).toEqual(wanted.filter((sentence) => sentence !== ''));
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps rows of tables and joins short lines of code', () => {
    const table = 'a | b\n1 | 2. Or 3\n4 | 5';
    expect(segment(table, [{ kind: 'table', start: 0, end: table.length }]).map(({ start, end }) => table.slice(start, end))).toEqual([
      'a | b',
      '1 | 2. Or 3',
      '4 | 5',
    ]);
    const code = `${'const a = 1;\n'.repeat(30)}end`;
    const spans = segment(code, [{ kind: 'code', start: 0, end: code.length }]);
    expect(spans).toHaveLength(2);
    expect(code.slice(spans[0]?.start, spans[0]?.end)).toMatch(/^const.*;$/s);
  });

  it('takes text outside blocks as prose without a block', () => {
    const text = 'Before. Title After.';
    expect(segment(text, [{ kind: 'heading', start: 8, end: 13 }])).toEqual([
      { start: 0, end: 7, block: -1 },
      { start: 8, end: 13, block: 0 },
      { start: 14, end: 20, block: -1 },
    ]);
  });

  it('works in slices that are bounded', () => {
    const text = 'A short sentence stands here. '.repeat(20_000);
    const slices = [...segmentSlices(text, [{ kind: 'paragraph', start: 0, end: text.length }])];
    expect(slices.length).toBeGreaterThan(4);
    expect(slices.flat()).toHaveLength(20_000);
  });
});

describe('splitSpan', () => {
  it('cuts after a clause, between words, else between characters', () => {
    const cut = (text: string, bytes: number) => splitSpan(text, 0, text.length, bytes).map(({ start, end }) => text.slice(start, end));
    expect(cut('one two three, four five six', 20)).toEqual(['one two three,', 'four five six']);
    expect(cut('one two three four five six', 20)).toEqual(['one two three four', 'five six']);
    expect(cut('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(cut('\u{1F600}\u{1F601}\u{1F602}', 5)).toEqual(['\u{1F600}', '\u{1F601}', '\u{1F602}']);
  });

  it('loses nothing but white space and keeps to the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 4, max: 40 }), (raw, bytes) => {
        const text = raw.toWellFormed();
        const pieces = splitSpan(text, 0, text.length, bytes).map(({ start, end }) => text.slice(start, end));
        expect(pieces.every((piece) => piece.isWellFormed() && Buffer.byteLength(piece) <= bytes)).toBe(true);
        expect(pieces.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
      }),
    );
  });
});

describe('chunkerHash', () => {
  it('differs with every option and not with their order', () => {
    const base = { targetTokens: 200, maxTokens: 240, overlapTokens: 0 };
    expect(chunkerHash({ overlapTokens: 0, maxTokens: 240, targetTokens: 200 })).toBe(chunkerHash(chunkOptions.parse({})));
    const all = [base, { ...base, targetTokens: 199 }, { ...base, maxTokens: 239 }, { ...base, overlapTokens: 1 }].map(chunkerHash);
    expect(new Set(all).size).toBe(4);
  });
});
