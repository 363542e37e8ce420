import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContentPart, ParsedBlock } from '../spec/parser.ts';
import { canonicalText } from './canonical-text.ts';
import { contentParts, partUnits } from './content-parts.ts';
import { parseCsv, parseCsvInParts } from './data/csv.ts';
import { parseJsonLines, parseJsonLinesInParts } from './data/json-lines.ts';
import { parseSourceCode, parseSourceCodeInParts } from './data/source-code.ts';
import { parseMarkdown, parseMarkdownInParts } from './markdown.ts';
import { parsePlainText, parsePlainTextInParts } from './plain-text.ts';
import { cutWindows } from './text-windows.ts';

/** Puts parts together, and the longest of them. */
async function whole<Rest>(parts: AsyncGenerator<ContentPart, Rest> | Generator<ContentPart, Rest>) {
  let text = '';
  let longest = 0;
  const blocks: ParsedBlock[] = [];
  for (;;) {
    const next = await parts.next();
    if (next.done === true) return { longest, document: { ...next.value, text, blocks } };
    text += next.value.text;
    longest = Math.max(longest, next.value.text.length);
    for (const block of next.value.blocks) {
      if (block.start === blocks.at(-1)?.start) blocks.pop();
      blocks.push(block);
    }
    expect(blocks.at(-1)?.end ?? 0).toBeLessThanOrEqual(text.length);
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const words = 'the wéir held\u00AD it\u2019s water 🦀 and e\u0301very mill turned ';

const csv = (tail = ''): string =>
  `number,name,note\n${numbers(30_000)
    .map((row) => `${row},"a, ${words}",\r\n,,\n`)
    .join('')}${tail}`;

describe('a large file that is read in parts', () => {
  it.each<
    [
      string,
      (bytes: Uint8Array, context: { name: string; encoding?: string }) => Promise<unknown>,
      typeof parseCsvInParts | typeof parsePlainTextInParts,
      string,
    ]
  >([
    [
      'plain text',
      parsePlainText,
      parsePlainTextInParts,
      numbers(30_000)
        .map((n) => `${n} ${words}\r\nmore\r\n${n % 3 === 0 ? ' \t\r\n' : ''}`)
        .join(''),
    ],
    [
      'one paragraph',
      parsePlainText,
      parsePlainTextInParts,
      `\n \n  ${numbers(60_000)
        .map((n) => `${n} ${words}\n`)
        .join('')}  `,
    ],
    [
      'one line',
      parsePlainText,
      parsePlainTextInParts,
      numbers(60_000)
        .map((n) => `${n} ${words}`)
        .join(''),
    ],
    ['one word', parsePlainText, parsePlainTextInParts, 'e\u0301\uFB01'.repeat(800_000)],
    ['many paragraphs', parsePlainText, parsePlainTextInParts, 'a\n\n'.repeat(500_000)],
    [
      'source code',
      parseSourceCode,
      parseSourceCodeInParts,
      numbers(90_000)
        .map((n) => `const a${n} = '${n}';\n${n % 50 === 0 ? '\n' : ''}`)
        .join(''),
    ],
    ['CSV', parseCsv, parseCsvInParts, csv()],
    [
      'CSV of numbers',
      parseCsv,
      parseCsvInParts,
      numbers(70_000)
        .map((n) => `${n},${n * 7},${n / 3}\n`)
        .join(''),
    ],
    [
      'JSON lines that are a table',
      parseJsonLines,
      parseJsonLinesInParts,
      numbers(30_000)
        .map((n) => `${JSON.stringify({ n, words, [`k${n % 3}`]: [1, n] })}\r\n`)
        .join('\n'),
    ],
    [
      'JSON lines that are none',
      parseJsonLines,
      parseJsonLinesInParts,
      numbers(30_000)
        .map((n) => `${n % 7 === 0 ? 'not json' : JSON.stringify({ n, deep: { words } })}\n`)
        .join(''),
    ],
    [
      'JSON lines that nest too deep',
      parseJsonLines,
      parseJsonLinesInParts,
      `${numbers(90_000)
        .map((n) => `{"n":${n},"words":"some of them"}\n`)
        .join('')}${'['.repeat(99)}${']'.repeat(99)}\n`,
    ],
    [
      'Markdown',
      parseMarkdown,
      parseMarkdownInParts,
      `---\nauthor: Ann\n---\n\n# The Title\n\n${numbers(20_000)
        .map(
          (n) =>
            `${n % 9 === 0 ? `## Part ${n}\n\n` : ''}${n} *${words}*\n\n- one\n- two\n\n${n % 99 === 0 ? '```\n# not a heading\n\ncode\n```\n\n' : ''}`,
        )
        .join('')}`,
    ],
  ])('becomes what it becomes as a whole: %s', async (_what, read, readInParts, source) => {
    const bytes = Buffer.from(source, 'utf8');
    const context = { name: 'a', encoding: 'utf-8' };
    const { document, longest } = await whole(readInParts(bytes, context));
    expect(document).toEqual(await read(bytes, context));
    expect(longest).toBeLessThan(5 * partUnits);
    expect(document.text.length).toBeGreaterThan(longest);
  });

  it.each(['utf-16le', 'utf-32be', 'shift_jis', 'windows-1252'])('is decoded bit by bit from %s', async (encoding) => {
    const { encode } = await import('iconv-lite');
    const source = numbers(150_000)
      .map((n) => (encoding === 'windows-1252' ? `Nº ${n} é\n` : encoding === 'shift_jis' ? `水車 ${n}\n` : `水車 🦀 ${n}\n`))
      .join('');
    const { document } = await whole(parsePlainTextInParts(encode(source, encoding, { addBOM: encoding.startsWith('utf') }), { encoding }));
    expect(document.text).toBe(source);
  });

  it('takes quotation marks for text from the row on in which one never ends', async () => {
    const { document } = await whole(parseCsvInParts(Buffer.from(csv('1,"never ends,é\n2,b\n')), { name: 'a.csv' }));
    expect(document.text).toContain(`29999 | a, ${canonicalText(words).trim()} |`);
    expect(document.text.endsWith('\n1 | "never ends | é\n2 | b')).toBe(true);
  });
});

it('cuts windows where the canonical text of the whole is that of the pieces', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({
          unit: fc.constantFrom('a', 'e', '\u0301', '\u200B', ' ', '\n', '\r', '\uFB01', '\u1112', '\u1161', '\u11AB', '🦀', '水'),
        }),
        { maxLength: 9 },
      ),
      (windows) => {
        const pieces = [...cutWindows(windows)];
        expect(pieces.join('')).toBe(windows.join(''));
        expect(pieces.map(canonicalText).join('')).toBe(canonicalText(windows.join('')));
      },
    ),
    { numRuns: 500 },
  );
});

it('parts any document so that its parts are the whole, no block twice, and none beyond its part', () => {
  const gap = fc.constantFrom('', '\n\n', ' \n', '\n \n \n \n \n \n \n');
  const block = fc.record({
    kind: fc.constantFrom('paragraph', 'table', 'heading'),
    text: fc.constantFrom('a', 'b. c', 'd\ne 🦀 f'.repeat(9), 'x'.repeat(70), '🦀'.repeat(40)),
    gap,
  });
  fc.assert(
    fc.property(
      fc.array(block, { maxLength: 12 }),
      gap,
      fc.nat({ max: 50 }),
      fc.integer({ min: 8, max: 60 }),
      (pieces, before, base, units) => {
        let text = before;
        const blocks: ParsedBlock[] = [];
        for (const { kind, text: own, gap: after } of pieces) {
          blocks.push({ kind, start: base + text.length, end: base + text.length + own.length });
          text += own + after;
        }
        let at = base;
        const joined: ParsedBlock[] = [];
        for (const part of contentParts({ text, blocks }, base, units)) {
          expect(part.text.length).toBeGreaterThan(0);
          expect(part.text.length).toBeLessThanOrEqual(units);
          expect(part.text.isWellFormed()).toBe(true);
          for (const one of part.blocks) {
            if (joined.at(-1)?.start === one.start) joined.pop();
            else expect(one.start).toBeGreaterThanOrEqual(at);
            expect(one.end).toBeLessThanOrEqual(at + part.text.length);
            joined.push(one);
          }
          at += part.text.length;
        }
        expect(at).toBe(base + text.length);
        expect(joined).toEqual(blocks);
      },
    ),
    { numRuns: 1_000 },
  );
});

it('parts a document between blocks, and inside one that is longer than a part', () => {
  const long = 'Some words here. '.repeat(200_000);
  const text = `Head\n\n${long}\n\n${'x'.repeat(900_000)}\n\n${'y'.repeat(900_000)}`;
  const blocks: ParsedBlock[] = [
    { kind: 'heading', start: 0, end: 4, level: 1 },
    { kind: 'paragraph', start: 6, end: 6 + long.length - 1 },
    { kind: 'paragraph', start: 8 + long.length, end: 900_008 + long.length },
    { kind: 'paragraph', start: 900_010 + long.length, end: text.length },
  ];
  const base = 1_000;
  const moved = blocks.map((block) => ({ ...block, start: block.start + base, end: block.end + base }));
  const units = 1024 * 1024;
  const parts = [...contentParts({ text, blocks: moved }, base, units)];
  expect(parts.map((part) => part.text).join('')).toBe(text);
  for (const part of parts) expect(part.text.length).toBeLessThanOrEqual(units);
  expect(parts.slice(0, 3).every((part) => part.text.endsWith('. '))).toBe(true);
  expect(parts.at(-1)).toEqual({ text: 'y'.repeat(900_000), blocks: [moved[3]] });
  const joined = parts.flatMap((part) => part.blocks).filter((block, index, all) => block.start !== all[index + 1]?.start);
  expect(joined).toEqual(moved);
});
