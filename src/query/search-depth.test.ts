import { afterEach, expect, it } from 'vitest';
import { type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import { createLanguageDetector } from '../language/detect-language.ts';
import type { SearchOptions } from '../spec/answers.ts';
import type { Store } from '../spec/store.ts';
import { searchDocuments } from './pipeline.ts';

let bench: MillBench;
afterEach(() => bench.close());

it('looks deeper for what is fused than into one index alone', async () => {
  bench = await openMillBench({ sources: [{ id: 'ferry', text: 'The ferry carries 48 passengers.' }] });
  const { mill, clock, drive } = bench;
  const depths: number[] = [];
  const searchText: Store['searchText'] = (...given) => (depths.push(given[2]), mill.store.searchText(...given));
  const missing = () => Promise.reject(new Error('not needed'));
  const parts = {
    store: { ...mill.store, searchText },
    scheduler: mill.scheduler,
    clock,
    languages: createLanguageDetector(),
    embedder: () => Promise.resolve(undefined),
    generator: missing,
    reranker: missing,
  };
  const search = (options: SearchOptions) => drive(searchDocuments(parts, 'the ferry', options, { signal: new AbortController().signal }));
  await search({});
  await search({ mode: 'text' });
  await search({ pipeline: { retrieve: { mode: 'text' } } });
  await search({ mode: 'hybrid', pipeline: { retrieve: { mode: 'text' } } });
  expect(depths).toEqual([200, 100, 100, 200]);
});
