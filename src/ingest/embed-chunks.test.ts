import { afterEach, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions } from '../../test/support/ingest-bench.ts';
import { type ErrorCode, MillraceError } from '../errors.ts';
import type { HandedSource } from '../spec/mill.ts';
import { createDeferred } from '../util/deferred.ts';

const benches: ReturnType<typeof createIngestBench>[] = [];
function bench(options: IngestBenchOptions) {
  const created = createIngestBench(options);
  benches.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((one) => one.close()));
});

const texts = ['One text.', 'A poison of a text.', 'Another text.', 'A text that breaks numbers.', 'The last text.'];
const sources = texts.map((text, number) => ({ id: `${number}`, text }));

it('leaves a chunk that the embedder refuses without a vector, tells of it, and gives all others theirs', async () => {
  let refuses = true;
  const { run, store, embedder, requireWhole } = bench({
    embedder: (fake) => ({
      ...fake,
      async embed(given, kind, options) {
        if (refuses && given.some((text) => text.includes('poison'))) throw new MillraceError('E_CONTEXT_EXCEEDED', 'It is too long.');
        const vectors = await fake.embed(given, kind, options);
        return vectors.map((vector, index) => (refuses && given[index]?.includes('breaks') === true ? vector.fill(Number.NaN) : vector));
      },
    }),
  });
  const events = await run(sources);
  expect(events.at(-1)).toMatchObject({ indexed: 5, failed: 0, unembedded: { chunks: 2 } });
  const pending = await store.listUnembedded('default', embedder.model.hash, { after: 0, limit: 9 });
  expect(pending.map(({ text }) => text)).toEqual([texts[1], texts[3]]);
  expect(await store.searchText('poison', { collection: 'default' }, 5)).toHaveLength(1);
  // A repeat tries them again, and is not held up by them.
  expect((await run([{ id: 'more', text: 'One text more.' }])).at(-1)).toMatchObject({ indexed: 1, unembedded: { chunks: 2 } });
  refuses = false;
  expect((await run([])).at(-1)).not.toHaveProperty('unembedded');
  await requireWhole();
});

it.each([
  ['the engine', 'E_ENGINE_CRASHED', { embedder: (fake) => ({ ...fake, embed: () => Promise.reject(gone('E_ENGINE_CRASHED')) }) }],
  [
    'the record',
    'E_DISK_FULL',
    { onCommit: ([first]) => (first?.type === 'commitVectors' ? Promise.reject(gone('E_DISK_FULL')) : undefined) },
  ],
] satisfies [string, ErrorCode, IngestBenchOptions][])(
  'ends with a failure of %s, although its sources are stuck',
  async (_of, code, options) => {
    async function* stuck(): AsyncGenerator<HandedSource> {
      yield* sources;
      await createDeferred<void>().promise;
    }
    const { run } = bench(options);
    expect((await run(stuck())).at(-1)).toMatchObject({ type: 'ingest-failed', error: { code } });
  },
);

function gone(code: ErrorCode): MillraceError {
  return new MillraceError(code, 'It is gone.');
}
