import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import { createFakeEmbedder } from '../engines/fake/embedder.ts';
import { createLanguageDetector } from '../language/detect-language.ts';
import type { ChunkId } from '../spec/identifiers.ts';
import type { QueryParts } from './parts.ts';
import { passageOf, passagePrompt } from './prompt.ts';
import { resolvePipeline, type RetrieveSection } from './resolve-pipeline.ts';
import { retrieve, type RetrieveRequest } from './retrieve.ts';

const sources = [
  { id: 'a', text: 'The ferry carries 48 passengers.', metadata: { team: 'harbour', year: 2031 } },
  { id: 'b', text: 'The old ferry was sold.', metadata: { team: 'harbour', year: 2029 } },
  { id: 'c', text: 'The workshop opens at 7:30.', metadata: { team: 'works', year: 2031 } },
];

let bench: MillBench;
let parts: QueryParts;
let embedded: { readonly texts: readonly string[]; readonly kind: string }[];

beforeEach(async () => {
  bench = await openMillBench({ sources });
  const { mill, clock } = bench;
  embedded = [];
  const embedder = createFakeEmbedder({ clock });
  parts = {
    store: mill.store,
    clock,
    languages: createLanguageDetector(),
    embedder: () => Promise.resolve(embedder),
    generator: () => Promise.reject(new Error('not needed')),
    reranker: () => Promise.reject(new Error('not needed')),
    scheduler: {
      ...mill.scheduler,
      submit(work) {
        if (work.lane === 'embed') embedded.push(work.input as (typeof embedded)[number]);
        return mill.scheduler.submit(work);
      },
    },
  };
});
afterEach(() => bench.close());

type Changes = Partial<RetrieveRequest & RetrieveSection>;

function search({ query = 'ferry passengers', signal = new AbortController().signal, deadline, ...changes }: Changes = {}) {
  const section = { ...resolvePipeline({ retrieve: { limit: 10 } }).retrieve, ...changes };
  return bench.drive(retrieve(parts, section, { query, class: 'interactive', signal, deadline }));
}
const found = async (changes: Changes = {}) => (await search(changes)).hits.map(({ source }) => source);

describe('retrieve', () => {
  it('fuses both rankings and tells the rank in each', async () => {
    const { hits } = await search();
    expect(hits[0]).toMatchObject({ source: 'a', rank: 1, ranks: { text: 1, vector: 1 }, metadata: { team: 'harbour', year: 2031 } });
    expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).toSorted((x, y) => y - x));
  });

  it('asks only the part that the mode names', async () => {
    expect((await search({ mode: 'text' })).hits.every(({ ranks }) => ranks.vector === undefined)).toBe(true);
    expect(embedded).toEqual([]);
    const byVector = await search({ mode: 'vector' });
    expect(byVector.hits.every(({ ranks }) => ranks.text === undefined)).toBe(true);
    expect(embedded).toEqual([{ texts: ['ferry passengers'], kind: 'query' }]);
    expect(byVector.timings.searchTextMs).toBeUndefined();
  });

  it('keeps the filter in both parts', async () => {
    for (const mode of ['text', 'vector', 'hybrid'] as const) {
      expect(await found({ mode, filter: { team: 'harbour', year: { lt: 2030 } } }), mode).toEqual(['b']);
    }
    expect(await found({ filter: { team: { in: ['none'] } } })).toEqual([]);
  });

  it('keeps to the limit and to the collection', async () => {
    expect(await found({ limit: 1 })).toEqual(['a']);
    expect(await found({ collection: 'other' })).toEqual([]);
  });

  it('leaves out an embedder that does not read the language of the question, and says which does', async () => {
    const english = createFakeEmbedder({ clock: bench.clock });
    parts = { ...parts, embedder: () => Promise.resolve({ ...english, model: { ...english.model, languages: ['en'] } }) };
    const german = await search({ query: 'Wie viele Menschen trägt die ferry?' });
    expect(german.hits[0]).toMatchObject({ source: 'a', ranks: { text: 1 } });
    expect(german.hits[0]?.ranks.vector).toBeUndefined();
    expect(german.notices).toEqual([expect.stringMatching(/reads en only.*in de.*multilingual/)]);
    expect((await search({ query: 'How many people does the ferry carry?' })).notices).toEqual([]);
    expect((await search({ query: 'Wie viele Menschen trägt die ferry?', mode: 'vector' })).hits.length).toBeGreaterThan(0);
    await bench.drive(bench.mill.ingest([{ id: 'fähre', text: 'Die Fähre trägt im Winter nur zwölf Menschen und keinen Hund.' }]).result());
    // The words of the question do not tell, those of what it finds do.
    const short = await search({ query: 'Fähre Menschen' });
    expect(short.hits[0]).toMatchObject({ source: 'fähre' });
    expect(short.hits.every(({ ranks }) => ranks.vector === undefined)).toBe(true);
  });

  it('uses the embedder for a question whose words say nothing of its language', async () => {
    const english = createFakeEmbedder({ clock: bench.clock });
    parts = { ...parts, embedder: () => Promise.resolve({ ...english, model: { ...english.model, languages: ['en'] } }) };
    await bench.drive(
      bench.mill.ingest([{ id: 'rows.js', text: 'const je = rows.map((il) => il.de);\nreturn na(je).comment(po);' }]).result(),
    );
    for (const query of ['ferry comment plus', 'rows.map comment']) {
      const { hits, notices } = await search({ query });
      expect(notices).toEqual([]);
      expect(hits.some(({ ranks }) => ranks.vector !== undefined)).toBe(true);
    }
  });

  it('takes one of several hits with the same text, and no more of one document than allowed', async () => {
    await bench.drive(
      bench.mill
        .ingest([
          { id: 'copy', text: 'The  old FERRY was sold.' },
          { id: 'long', text: Array.from({ length: 400 }, (_, line) => `The ferry makes trip ${line}.`).join(' ') },
        ])
        .result(),
    );
    const old = (await search({ query: 'old ferry sold', limit: 50 })).hits.filter(({ text }) => /old\s+ferry/i.test(text));
    expect(old).toHaveLength(1);
    const all = (await search({ limit: 50 })).hits.filter(({ source }) => source === 'long').length;
    expect(all).toBeGreaterThan(2);
    expect((await search({ limit: 50, perDocument: 2 })).hits.filter(({ source }) => source === 'long')).toHaveLength(2);
  });

  it('searches again with words of the best hits where that is asked for and both rankings found something', async () => {
    const searched: string[] = [];
    const { store } = parts;
    parts = { ...parts, store: { ...store, searchText: (query, ...rest) => (searched.push(query), store.searchText(query, ...rest)) } };
    await search({ query: 'ferry', feedback: true });
    expect(searched).toEqual(['ferry', expect.stringContaining('passengers')]);
    await search({ query: 'ferry' });
    await search({ query: 'ferry', mode: 'text', feedback: true });
    expect(searched).toHaveLength(4);
  });

  it('searches by words and says so where there is no embedder', async () => {
    parts = { ...parts, embedder: () => Promise.resolve(undefined) };
    const { hits, notices } = await search();
    expect(hits[0]?.source).toBe('a');
    expect(notices).toHaveLength(1);
    expect(embedded).toEqual([]);
  });

  it('cuts a query for the embedder only, to whole characters', async () => {
    const query = `ferry passengers ${'🚢 harbour '.repeat(5_000)}`;
    expect((await search({ query })).hits[0]?.source).toBe('a');
    const [cut = ''] = embedded[0]?.texts ?? [];
    expect(cut.length).toBeLessThan(query.length);
    expect(cut.isWellFormed()).toBe(true);
    expect(query.startsWith(cut.slice(0, -1))).toBe(true);
  });

  it('leaves out a chunk that is gone before it is read', async () => {
    const { store } = parts;
    const removing = {
      ...store,
      async readChunks(ids: Parameters<typeof store.readChunks>[0]) {
        await bench.mill.documents.remove('a');
        return store.readChunks(ids);
      },
    };
    parts = { ...parts, store: removing };
    const { hits } = await search();
    expect(hits.map(({ source, rank }) => [source, rank])).toEqual([
      ['b', 1],
      ['c', 2],
    ]);
  });

  it('names a document as who handed it over did, and as it does itself where nobody said, in hits as in what is read ahead', async () => {
    await bench.drive(
      bench.mill
        .ingest([
          { id: 'd', text: '# Untitled 1\n\nA zeppelin lands here.', contentType: 'text/markdown', title: 'Rules of the field' },
          { id: 'e', text: '# Timetable\n\nA zeppelin leaves at noon.', contentType: 'text/markdown' },
          { id: 'f', text: '# Fares\n\nA zeppelin is dear.', contentType: 'text/markdown', title: ' ' },
          { id: 'g', text: 'A zeppelin is long.', title: '' },
        ])
        .result(),
    );
    const { hits } = await search({ query: 'zeppelin', mode: 'text' });
    expect(Object.fromEntries(hits.map(({ source, title }) => [source, title]))).toEqual({
      d: 'Rules of the field',
      e: 'Timetable',
      f: 'Fares',
      g: null,
    });
    const chunks = await bench.mill.store.readChunks(hits.map(({ chunk }) => chunk as ChunkId));
    expect(chunks.map((chunk) => passagePrompt('', passageOf(chunk)))).toEqual(hits.map((hit) => passagePrompt('', hit)));
  });

  it('ends with the reason of its signal and the deadline of its call', async () => {
    const reason = new Error('enough');
    await expect(search({ signal: AbortSignal.abort(reason) })).rejects.toThrow();
    await expect(search({ deadline: bench.clock.monotonic() })).rejects.toThrow(expect.objectContaining({ code: 'E_DEADLINE_EXCEEDED' }));
  });
});
