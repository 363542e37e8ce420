import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { packChunks } from '../../src/chunk/pack.ts';
import { segment } from '../../src/chunk/segment.ts';
import { loadConfig } from '../../src/config.ts';
import { isMillraceError } from '../../src/errors.ts';
import { createPatternTest } from '../../src/ingest/pattern.ts';
import { createFormatParsers } from '../../src/parse/formats.ts';
import { parseDocument } from '../../src/parse/parse-document.ts';
import { checkAnswer } from '../../src/query/cite.ts';
import type { Hit } from '../../src/spec/answers.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import { commitLines } from '../../src/testing/store-conformance.ts';
import { createManualClock } from '../../src/testing/manual-clock.ts';
import { createSeededRandom } from '../../src/util/random.ts';

/** What takes input of anybody, and what must hold of whatever it is given. A property that throws is a finding. */
export interface FuzzTarget {
  readonly name: string;
  readonly property: () => fc.IAsyncProperty<unknown>;
}

/** Text of the signs that formats, queries and answers are made of, among words and any other characters. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '# ',
        '* ',
        '> ',
        '`',
        '```',
        '|',
        '|-|',
        '[1]',
        '[^a]',
        '](',
        '<p>',
        '</p>',
        '<table><tr><td>',
        '<!--',
        '-->',
        '<![CDATA[',
        '&#x41;',
        '&lt;',
        '{',
        '}',
        '"',
        "'",
        ',',
        ';',
        ':',
        '\\',
        '\\par ',
        '\\u-1?',
        '{\\rtf1 ',
        'From: a@b.c\r\n',
        'Subject: =?utf-8?q?',
        '\r\n\r\n',
        '=\r\n',
        '00:01.000 --> 00:02.000\n',
        'WEBVTT\n\n',
        '---\n',
        '\n',
        '\n\n',
        '\t',
        ' ',
        '\u0000',
        '\ufeff',
        '\u200b',
        '\u202e',
        '\ud800',
        '\udc00',
        'mill',
        'rye',
        '4.50',
        '12,5 %',
        'Not in the documents.',
        'AND',
        'NEAR(',
        '*',
        'OR 1=1 --',
        '__proto__',
        'constructor',
        '../',
        '[a-z',
        '(((',
        '!(',
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.string({ unit: 'grapheme', maxLength: 12 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const parsers = createFormatParsers();
const textFormats = [
  'a',
  'a.txt',
  'a.md',
  'a.html',
  'a.csv',
  'a.tsv',
  'a.json',
  'a.jsonl',
  'a.xml',
  'a.svg',
  'a.rtf',
  'a.eml',
  'a.mbox',
  'a.vtt',
  'a.srt',
  'a.ts',
];

const formats: FuzzTarget = {
  name: 'formats of text end as whole text with blocks inside it, or as an error of the catalogue',
  property: () =>
    fc.asyncProperty(fc.constantFrom(...textFormats), text, async (name, content) => {
      try {
        const parsed = await parseDocument({ bytes: Buffer.from(content), name }, parsers);
        require(parsed.text.isWellFormed() && parsed.text === parsed.text.normalize('NFC'), 'The text is not canonical.');
        for (const { start, end } of parsed.blocks)
          require(start >= 0 && start < end && end <= parsed.text.length, 'A block lies outside.');
      } catch (error) {
        if (!isMillraceError(error) || !error.code.startsWith('E_DOCUMENT_')) throw error;
      }
    }),
};

const chunks: FuzzTarget = {
  name: 'chunks hold every character that is no white space, in order, and cut none in two',
  property: () =>
    fc.asyncProperty(text, fc.integer({ min: 1, max: 40 }), async (content, maxTokens) => {
      const document = { text: content.toWellFormed(), blocks: [] };
      const spans = segment(document.text, []);
      const counts = Uint32Array.from(spans, ({ start, end }) => end - start);
      const packed = packChunks(document, spans, counts, { targetTokens: maxTokens, maxTokens, overlapTokens: 0 });
      let at = 0;
      for (const { start, end } of packed) {
        require(document.text.slice(at, start).trim() === '' && start < end, 'Something lies between two chunks.');
        require(document.text.slice(start, end).isWellFormed(), 'A character is cut in two.');
        at = end;
      }
      require(document.text.slice(at).trim() === '', 'Something lies behind the last chunk.');
    }),
};

const value = fc.oneof(text, fc.integer({ min: -9, max: 9 }), fc.boolean(), fc.constant(null));
const record = fc.dictionary(fc.oneof(fc.constantFrom('a', 'b'), text), value, { maxKeys: 4, noNullPrototype: true });

/** JSON keeps no half of a pair. */
const asStored = (given: unknown): unknown => JSON.parse(JSON.stringify(given).toWellFormed());

const searches: FuzzTarget = {
  name: 'queries and filters of any text find what equals them and fail nobody',
  property: () =>
    fc.asyncProperty(record, record, text, async (metadata, filter, query) => {
      const store = createMemoryStore({ clock: createManualClock(), random: createSeededRandom(1) });
      try {
        await store.commit([commitLines('k', 'the mill ground rye', metadata)]);
        await store.searchText(query, { collection: 'main' }, 5);
        const found = await store.searchText('mill', { collection: 'main', filter }, 5);
        const held = new Map(Object.entries(asStored(metadata) as object));
        const meets = Object.entries(filter).every(
          ([key, wanted]) => held.has(asStored(key) as string) && held.get(asStored(key) as string) === asStored(wanted),
        );
        require((found.length === 1) === meets, `It ${meets ? 'is not found' : 'is found'}.`);
      } finally {
        await store.close();
      }
    }),
};

const passage = (content: string, rank: number): Hit => ({
  rank,
  score: 1,
  document: 'd',
  source: 's',
  title: null,
  metadata: {},
  page: 1,
  pageLabel: null,
  pageKind: null,
  start: 0,
  end: content.length,
  headingPath: [],
  tableHeader: null,
  text: content,
  chunk: rank,
  ranks: {},
});

const citations: FuzzTarget = {
  name: 'answers of any text cite passages that were given, in sentences that they hold',
  property: () =>
    fc.asyncProperty(text, fc.array(text, { maxLength: 3 }), text, async (answer, passages, question) => {
      const checked = checkAnswer(
        answer,
        passages.map((content, index) => passage(content, index + 1)),
        { question },
      );
      for (const use of checked.uses) require(use.passage >= 0 && use.passage < passages.length, 'A passage that was not given.');
      for (const [, number] of checked.text.matchAll(/\[(\d+)\]/g)) {
        require(checked.abstained ||
          passages.length === 0 ||
          Number(number) <= passages.length ||
          answer.includes(`[${number}]`), 'A marker from nowhere.');
      }
    }),
};

const settings: FuzzTarget = {
  name: 'settings of any content are taken or refused by name',
  property: () =>
    fc.asyncProperty(
      fc.oneof(
        text,
        fc.json(),
        record.map((one) => JSON.stringify({ ...one, parsers: one['a'], kvMode: one['b'] })),
      ),
      async (content) => {
        const folder = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'));
        try {
          writeFileSync(join(folder, 'millrace.json'), content);
          await loadConfig({ environment: {}, workingDirectory: folder });
        } catch (error) {
          if (!isMillraceError(error) || error.code !== 'E_CONFIG_INVALID') throw error;
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    ),
};

const patterns: FuzzTarget = {
  name: 'patterns of any text are tests that end',
  property: () =>
    fc.asyncProperty(
      text.filter((pattern) => pattern !== ''),
      text,
      async (pattern, path) => void createPatternTest('/docs', pattern)(`/docs/${path}`),
    ),
};

export const fuzzTargets: readonly FuzzTarget[] = [formats, chunks, searches, citations, settings, patterns];
