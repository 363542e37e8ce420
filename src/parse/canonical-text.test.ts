import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalText } from './canonical-text.ts';

/** Any UTF-16, lone surrogates included, with the characters that matter made frequent. */
const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom(
        '\r',
        '\n',
        '\r\n',
        '\0',
        '\u00ad',
        '\u200b',
        '\u200d',
        '\ufeff',
        '\ufb01',
        '\ufb05',
        'e',
        '\u0301',
        '\u0323',
        '\ufefb',
        '\ud83d',
        '\ude00',
      ),
      fc.string({ unit: 'binary' }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

describe('canonicalText', () => {
  it.each([
    ['line ends', 'a\r\nb\rc\nd', 'a\nb\nc\nd'],
    ['the null character', 'a\0b', 'a\uFFFDb'],
    ['soft hyphens and zero-width characters', 'co\u00adop\u200be\u200cra\u200dt\u2060e\ufeff', 'cooperate'],
    ['Latin ligatures', '\ufb01ne o\ufb03ce \ufb00 \ufb02at \ufb06', 'fine office ff flat st'],
    ['Arabic presentation forms', '\ufefb', '\u0644\u0627'],
    ['composition', 'e\u0301', '\u00e9'],
    ['composition across a removed character', 'e\u200b\u0301', '\u00e9'],
    ['lone surrogates', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
  ])('normalises %s', (_what, input, expected) => {
    expect(canonicalText(input)).toBe(expected);
  });

  it('keeps letters that only look like ligatures, and emoji', () => {
    expect(canonicalText('œuvre Ĳssel \u{1F600} ½ ②')).toBe('œuvre Ĳssel \u{1F600} ½ ②');
  });

  it('is idempotent, well-formed, composed, and free of what it removes', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const canonical = canonicalText(text);
        expect(canonicalText(canonical)).toBe(canonical);
        expect(canonical.isWellFormed()).toBe(true);
        expect(canonical.normalize('NFC')).toBe(canonical);
        expect(canonical).not.toMatch(/[\0\r\u00AD\u200B-\u200D\u2060\uFEFF\uFB00-\uFB06]/);
      }),
      { numRuns: 500 },
    );
  });

  it('is closed under joining with white space', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 5 }), fc.constantFrom(' ', '\n', '\n\n'), (texts, separator) => {
        const joined = texts.map(canonicalText).join(separator);
        expect(canonicalText(joined)).toBe(joined);
      }),
    );
  });
});
