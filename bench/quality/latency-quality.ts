import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type HandedSource, type Mill, open, readBeirFolder, sample, type SearchResult } from '../../src/index.ts';
import { openStore } from '../../src/store/open-store.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createSeededRandom, type Random, systemRandom } from '../../src/util/random.ts';
import { mean, quantile } from '../../src/evaluate/statistics.ts';
import type { Figure, MeasureQuality, QualitySettings } from './quality-scenario.ts';
import { openCorpus } from './work-folder.ts';

const sentencesOfText = 8;
/** Texts with a vector of their own; the others get one near one of these. */
const embeddedTexts = 400;
const askedQueries = 200;
/** Of them scanned exactly, too: about a second each. */
const exactQueries = 50;
/** Metadata of every text. */
const everyText = { made: true } as const;

/**
 * Time of a search in many chunks, one after another, query embedding apart. Texts are made of sentences of SciFact by the seed, so that
 * words are as common as they are in real text; vectors are real ones moved by noise. Queries are the claims of SciFact.
 */
export const searchLatency: MeasureQuality = async (settings) => {
  const data = await readBeirFolder(path.join(settings.data, 'ir-scifact'));
  const directory = `latency-${settings.chunks}`;
  const mill = await openPrepared(settings, directory, data.corpus());
  try {
    const queries = sample(data.queries, settings.limit ?? askedQueries, settings.seed).map(({ text }) => text);
    const embedded: number[] = [];
    for (const [index, query] of queries.entries()) {
      // From here on its vector is taken from the cache, and no result is.
      embedded.push((await mill.search(query, { mode: 'vector', signal: settings.signal })).timings.embedMs ?? 0);
      settings.progress(`latency, query vectors: ${index + 1} of ${queries.length}`);
    }
    const measured: Record<'hybrid' | 'text' | 'vector', SearchResult[]> = { hybrid: [], text: [], vector: [] };
    for (const mode of ['hybrid', 'text', 'vector'] as const) {
      for (const [index, query] of queries.entries()) {
        measured[mode].push(await mill.search(query, { mode, signal: settings.signal }));
        settings.progress(`latency, ${mode}: ${index + 1} of ${queries.length} queries`);
      }
    }
    const { chunks = 0, embeddedChunks = 0 } = (await mill.status()).collections[0] ?? {};
    const whole = (results: readonly SearchResult[]) => results.map(({ timings }) => timings.totalMs);
    const recalls = await recallOfIndex(mill, queries.slice(0, exactQueries), settings);
    return {
      title: `Search in ${chunks} chunks (${embeddedChunks} with a vector), one query after another, query embedding apart`,
      split: 'all',
      figures: [
        ...spread(
          'text index',
          measured.text.map(({ timings }) => timings.searchTextMs ?? 0),
          'p50 ≤ 15 ms',
        ),
        ...spread(
          'dense index',
          measured.vector.map(({ timings }) => timings.searchVectorsMs ?? 0),
          'p50 ≤ 3 ms',
        ),
        ...spread('hybrid, hits read', whole(measured.hybrid), 'p50 ≤ 20 ms'),
        ...spread('text, hits read', whole(measured.text)),
        ...spread('dense, hits read', whole(measured.vector)),
        ...spread('query embedding', embedded),
        ...([10, 100] as const).map((depth) => ({
          name: `dense index, recall@${depth} of the exact scan`,
          value: mean(recalls.map((recall) => recall[depth])),
          n: recalls.length,
        })),
      ],
    };
  } finally {
    await mill.close();
  }
};

/** What the index finds of what a scan of all vectors finds; a filter that leaves out nothing makes the search scan. */
async function recallOfIndex(mill: Mill, queries: readonly string[], settings: QualitySettings): Promise<Record<10 | 100, number>[]> {
  const recalls: Record<10 | 100, number>[] = [];
  for (const query of queries) {
    const options = { mode: 'vector', limit: 100, signal: settings.signal } as const;
    const [exact, found] = [await mill.search(query, { ...options, filter: everyText }), await mill.search(query, options)];
    const recall = (depth: number): number => {
      const wanted = exact.hits.slice(0, depth).map(({ chunk }) => chunk);
      const got = new Set(found.hits.slice(0, depth).map(({ chunk }) => chunk));
      return wanted.filter((chunk) => got.has(chunk)).length / wanted.length;
    };
    recalls.push({ 10: recall(10), 100: recall(100) });
    settings.progress(`latency, recall of the index: ${recalls.length} of ${queries.length} queries`);
  }
  return recalls;
}

function spread(name: string, values: readonly number[], aim?: string): Figure[] {
  return [
    { name: `${name} p50`, value: quantile(values, 0.5), n: values.length, unit: 'ms', ...(aim === undefined ? {} : { aim }) },
    { name: `${name} p95`, value: quantile(values, 0.95), n: values.length, unit: 'ms' },
  ];
}

/** The texts are read, given vectors and indexed once; a preparation that was stopped goes on. */
async function openPrepared(settings: QualitySettings, directory: string, corpus: AsyncIterable<HandedSource>): Promise<Mill> {
  const { work, model, embedder, home, seed, chunks, signal, progress } = settings;
  const place = path.join(work, directory);
  const caches = { retrieval: { maxItems: 1 } };
  const reopen = () => open({ directory: place, generator: model, embedder, caches, ...(home === undefined ? {} : { home }) });
  const [embedded, prepared] = [path.join(place, 'embedded'), path.join(place, 'prepared')];
  if (existsSync(prepared)) return reopen();
  const sentences = await sentencesOf(corpus);
  if (!existsSync(embedded)) {
    // So that the embedder of the collection is decided. The others are read by words only.
    await (await openCorpus(settings, directory, texts(sentences, seed, 0, embeddedTexts))).close();
    await writeFile(embedded, '');
  }
  const reading = await reopen();
  try {
    const stream = reading.ingest(texts(sentences, seed, embeddedTexts, chunks), { embed: false, signal });
    for await (const event of stream) {
      if (event.type === 'ingest-progress') progress(`latency: ${event.settled} of ${chunks} texts read`);
    }
    await stream.result();
  } finally {
    await reading.close();
  }
  await giveVectors(settings, place);
  const mill = await reopen();
  progress('latency: building the indexes');
  await mill.rebuild({ signal });
  await writeFile(prepared, '');
  return mill;
}

async function sentencesOf(corpus: AsyncIterable<HandedSource>): Promise<string[]> {
  const sentences: string[] = [];
  for await (const { text = '' } of corpus) sentences.push(...text.split(/(?<=[.!?])\s+/).filter((sentence) => sentence.length > 20));
  return sentences;
}

function* texts(sentences: readonly string[], seed: number, from: number, to: number): Generator<HandedSource> {
  for (let number = from; number < to; number += 1) {
    const random = createSeededRandom(seed * 1_000_003 + number);
    const parts = Array.from({ length: sentencesOfText }, () => sentences[Math.floor(random.float() * sentences.length)] ?? '');
    // Short enough to be one chunk.
    yield { id: `text-${number}`, text: parts.join(' ').slice(0, 900), contentType: 'text/plain', metadata: everyText };
  }
}

/** Straight into the record: embedding so many texts would take an hour and say nothing about searching them. */
async function giveVectors(settings: QualitySettings, directory: string): Promise<void> {
  const random = createSeededRandom(settings.seed);
  const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom });
  try {
    const [collection] = await store.collections();
    const embedderHash = Object.keys(collection?.embedded ?? {})[0];
    if (collection === undefined || embedderHash === undefined) throw new Error('Nothing was embedded.');
    const near = await realVectors(settings);
    let after: Parameters<typeof store.listUnembedded>[2]['after'] = 0;
    let done = 0;
    for (;;) {
      const window = await store.listUnembedded(collection.collection, embedderHash, { after, limit: 500 });
      const last = window.at(-1);
      if (last === undefined) return;
      after = last.id;
      const vectors = window.map(({ id }) => ({ chunk: id, vector: moved(near, random) }));
      await store.commit([{ type: 'commitVectors', embedderHash, dimensions: near[0]?.length ?? 0, vectors }]);
      settings.progress(`latency: ${(done += window.length)} vectors`);
    }
  } finally {
    await store.close();
  }
}

async function realVectors(settings: QualitySettings): Promise<Float32Array[]> {
  const { queries } = await readBeirFolder(path.join(settings.data, 'ir-scifact'));
  const mill = await open({
    directory: path.join(settings.work, 'vectors'),
    embedder: settings.embedder,
    ...(settings.home === undefined ? {} : { home: settings.home }),
  });
  try {
    return await mill.embedMany(
      queries.map(({ text }) => text),
      { signal: settings.signal },
    );
  } finally {
    await mill.close();
  }
}

/** A real vector with noise of about its own length, of length 1 again: cosine to the real one about .7. */
function moved(near: readonly Float32Array[], random: Random): Float32Array {
  const base = near[Math.floor(random.float() * near.length)] ?? new Float32Array();
  const reach = Math.sqrt(3 / base.length);
  const vector = base.map((value) => value + (random.float() * 2 - 1) * reach);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
