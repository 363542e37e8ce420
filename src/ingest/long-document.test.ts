import { expect, it } from 'vitest';
import { segment } from '../chunk/segment.ts';
import type { ParsedBlock, ParsedPortion, ReadDocument } from '../spec/parser.ts';
import type { DocumentPortion } from '../spec/store.ts';
import { createLongDocument } from './long-document.ts';
import { makeDocument } from './make-document.ts';

const never = new AbortController().signal;
const chunker = { hash: 'chunker', options: { targetTokens: 50, maxTokens: 60, overlapTokens: 12 } };
const identity = { bytesSha256: 'bytes', parseOptionsHash: 'none' };
const words = (text: string): number => text.match(/\S+/g)?.length ?? 0;
const embedder = {
  tokenizer: { countTokens: (texts: readonly string[]) => Promise.resolve(Uint32Array.from(texts, words)) },
  model: { id: 'fake', languages: ['en'] },
};

const sentences = (count: number, name: string): string =>
  Array.from({ length: count }, (_, at) => `The ${name} ${at} turns, é, in the water.`).join(' ');

/** One block of each portion goes on in the next. */
function portionsOf(count: number): { readonly portions: ParsedPortion[]; readonly parsed: ReadDocument } {
  const portions: ParsedPortion[] = [];
  const blocks: ParsedBlock[] = [];
  let text = '';
  for (let number = 0; number < count; number += 1) {
    const start = text.length;
    const firstBlock = Math.max(0, blocks.length - 1);
    const goesOn = blocks.pop();
    const own = `${sentences(60, 'wheel')}\n\nPart ${number}\n\n${sentences(90, 'mill')} `;
    const heading = start + own.indexOf('\n\nPart') + 2;
    const body = own.indexOf('\n\n', heading - start) + 2 + start;
    const added: ParsedBlock[] = [
      { kind: 'paragraph', start: goesOn?.start ?? start, end: heading - 2 },
      { kind: 'heading', level: 2, start: heading, end: body - 2 },
      { kind: 'paragraph', start: body, end: start + own.length - 1 },
    ];
    text += own;
    blocks.push(...added);
    const inside = added.map((block) => ({ ...block, start: Math.max(block.start - start, 0), end: block.end - start }));
    const spans = segment(own, inside).flatMap((span) => [span.start + start, span.end + start, span.block + firstBlock + 1]);
    portions.push({ start, text: own, blocks: added, firstBlock, spans: Uint32Array.from(spans) });
  }
  const spans = Uint32Array.from(portions.flatMap((portion) => [...portion.spans]));
  const pages = Array.from({ length: 120 }, (_, page) => ({ number: page + 1, start: page, end: page + 1 }));
  const facts = { contentType: 'text/plain', parser: 'plain-text', parserVersion: 1, language: 'de', warnings: ['One.'] };
  return { portions, parsed: { ...facts, pages, text, blocks, spans } };
}

function recordingStore() {
  const added: DocumentPortion[] = [];
  let forgotten = 0;
  let adding = 0;
  return {
    added,
    forgotten: () => forgotten,
    store: {
      stageDocument: () => ({
        number: 7,
        async add(portion: DocumentPortion) {
          expect((adding += 1)).toBe(1);
          await Promise.resolve();
          added.push(structuredClone(portion));
          adding -= 1;
        },
        forget: () => Promise.resolve(void (forgotten += 1)),
      }),
    },
  };
}

it('becomes what it would become as a whole, and no more of it is held than may still be cut', async () => {
  const { portions, parsed } = portionsOf(60);
  const { store, added, forgotten } = recordingStore();
  const long = createLongDocument(store, chunker, embedder, never);
  let behind = 0;
  for (const portion of portions) {
    await long.taker.take(portion);
    const cut = added.findLast(({ chunks = [] }) => chunks.length > 0)?.chunks?.at(-1)?.end ?? 0;
    behind = Math.max(behind, portion.start + portion.text.length - cut);
  }
  const { text, ...ended } = parsed;
  const made = await long.end({ ...ended, text: '', blocks: [], spans: new Uint32Array(), taken: long.taker }, identity);
  const whole = await makeDocument(parsed, identity, chunker, embedder, never);

  // A section of two portions, whatever their number.
  expect(behind).toBeLessThan(3 * (portions[0]?.text.length ?? 0));
  expect(Math.max(...added.map(({ chunks = [] }) => chunks.length))).toBeLessThan(whole.chunks.length / 20);
  expect(added.map((portion) => portion.text ?? '').join('')).toBe(text);
  expect(added.flatMap(({ chunks = [] }) => chunks)).toEqual(whole.chunks);
  expect(added.flatMap(({ pages = [] }) => pages)).toEqual(whole.pages);
  expect(added.map(({ pages = [] }) => pages.length).filter(Boolean)).toEqual([50, 50, 20]);
  expect(added.flatMap(({ blocks = [] }) => blocks).filter((block, at, all) => block.start !== all[at + 1]?.start)).toEqual(whole.blocks);
  expect(made).toEqual({
    document: { ...whole, text: '', pages: [], blocks: [], chunks: [] },
    textLength: text.length,
    pages: 120,
    chunks: whole.chunks.length,
    staged: expect.objectContaining({ number: 7 }) as object,
  });
  expect(made.document.warnings).toEqual(['One.', expect.stringContaining('"de"')]);
  await long.forget();
  expect(forgotten()).toBe(1);
});

it('stops between two slices when the call is over', async () => {
  const { portions } = portionsOf(1);
  const over = new AbortController();
  const { store } = recordingStore();
  const long = createLongDocument(store, chunker, embedder, over.signal);
  over.abort(new RangeError('over'));
  await expect(long.taker.take(portions[0] as ParsedPortion)).rejects.toThrow('over');
});
