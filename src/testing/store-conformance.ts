import { strict as assert } from 'node:assert';
import type { ChunkId, DocumentId, RunId } from '../spec/identifiers.ts';
import type { Store, StoreOperation } from '../spec/store.ts';
import { commitLines, lineDocument } from './line-document.ts';
import { checkStagedDocuments } from './staged-conformance.ts';

/** The two functions of a test runner that the suite needs. */
export interface SuiteRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}

export { commitLines, lineDocument };

const scope = { collection: 'main' };
const run = 'run-1' as RunId;

function isCode(code: string): (error: unknown) => boolean {
  return (error) => (error as { readonly code?: unknown }).code === code;
}

/** What every `Store` must do. `createStore` gives an empty store that can be written to; the suite closes it. */
export function describeStoreConformance(runner: SuiteRunner, name: string, createStore: () => Promise<Store>): void {
  function test(title: string, body: (store: Store) => Promise<void>): void {
    runner.it(title, async () => {
      const store = await createStore();
      try {
        await body(store);
      } finally {
        await store.close();
      }
    });
  }

  async function documentOf(store: Store, key: string): Promise<DocumentId> {
    const source = await store.readSource('main', key);
    assert.ok(source?.document, `source ${key} has a document`);
    return source.document;
  }

  runner.describe(`${name} keeps documents`, () => {
    test('reads a source with the document that it points to', async (store) => {
      assert.equal(await store.readSourceDocument('main', 'a'), undefined);
      await store.commit([commitLines('a', 'x')]);
      const known = await store.readSourceDocument('main', 'a');
      assert.deepEqual(known?.source, await store.readSource('main', 'a'));
      assert.deepEqual(known?.document, await store.readDocument(await documentOf(store, 'a')));
    });

    test('reads back what was committed', async (store) => {
      const [outcome] = await store.commit([commitLines('a', 'first line\nsecond line', { year: 2024 })]);
      assert.equal(outcome?.done, true);
      const id = await documentOf(store, 'a');
      assert.equal(await store.readSpan(id, 6, 10), 'line');
      assert.deepEqual(await store.listChunks(id), outcome.chunks);
      const chunks = await store.readChunks([...(outcome.chunks ?? [])].reverse());
      assert.deepEqual(
        chunks.map((chunk) => chunk.text),
        ['second line', 'first line'],
      );
      assert.deepEqual(chunks[0]?.source, { key: 'a', uri: 'file:///a', title: null, metadata: { year: 2024 } });
      assert.deepEqual(chunks[0]?.page, { number: 1, label: 'i', kind: 'page', start: 0, end: 22 });
      const pages = await store.readPages(id);
      assert.deepEqual(pages[0]?.boxes, Uint32Array.of(0, 1, 2, 3, 4, 5));
      assert.deepEqual(await store.readPages(id, 21), pages.slice(0, 1));
      assert.deepEqual(await store.readPages(id, 22), pages.slice(1, 2));
      assert.equal((await store.readDocument(id))?.chunks, 2);
      const { bytesSha256 } = lineDocument('first line\nsecond line');
      assert.deepEqual(await store.findDocuments('main', bytesSha256), [await store.readDocument(id)]);
      assert.deepEqual(await store.findDocuments('other', bytesSha256), []);
    });

    test('commits what was staged in portions as if it had come whole, and keeps nothing of what was given up', checkStagedDocuments);

    test('changes nothing when a commit is repeated', async (store) => {
      const [first] = await store.commit([commitLines('a', 'one\ntwo')]);
      const before = await store.collections();
      const [second] = await store.commit([commitLines('a', 'one\ntwo')]);
      assert.deepEqual(second, { ...first, done: false });
      assert.deepEqual(await store.collections(), before);
    });

    test('replaces a version whole and never reuses chunk ids', async (store) => {
      const [old] = await store.commit([commitLines('a', 'apples')]);
      const [next] = await store.commit([commitLines('a', 'bananas')]);
      assert.deepEqual(await store.searchText('apples', scope, 5), []);
      assert.equal((await store.searchText('bananas', scope, 5)).length, 1);
      assert.equal(await store.readDocument(old?.document as DocumentId), undefined);
      assert.ok((next?.chunks?.[0] ?? 0) > (old?.chunks?.[0] ?? 0));
      assert.equal((await store.collections())[0]?.documents, 1);
    });

    test('cuts a document anew for another chunker and moves all its sources', async (store) => {
      await store.commit([commitLines('a', 'same text'), commitLines('b', 'same text')]);
      await store.commit([commitLines('a', 'same text', {}, 'coarser')]);
      assert.equal(await documentOf(store, 'a'), await documentOf(store, 'b'));
      assert.equal((await store.readDocument(await documentOf(store, 'b')))?.chunkerHash, 'coarser');
      assert.equal((await store.collections())[0]?.chunks, 1);
      assert.deepEqual([await store.countChunks('main'), await store.countChunks('other')], [1, 0]);
    });

    test('shares a document among sources until the last is gone', async (store) => {
      const [committed] = await store.commit([commitLines('a', 'shared words')]);
      const document = await documentOf(store, 'a');
      const source = { key: 'b', uri: 'file:///b', metadata: { team: 'legal' } };
      await store.commit([{ type: 'commitSource', collection: 'main', source, document, at: 2 }]);
      const [first] = await store.readChunks(committed?.chunks ?? []);
      const [filtered] = await store.readChunks(committed?.chunks ?? [], { team: 'legal' });
      assert.deepEqual([first?.source.key, filtered?.source.key], ['a', 'b']);
      await store.commit([{ type: 'removeSource', collection: 'main', key: 'a', at: 3 }]);
      assert.equal((await store.searchText('shared', scope, 5)).length, 1);
      const [gone] = await store.commit([{ type: 'removeSource', collection: 'main', key: 'b', at: 4 }]);
      assert.equal(gone?.done, true);
      assert.deepEqual(await store.searchText('shared', scope, 5), []);
      const [late] = await store.commit([{ type: 'commitSource', collection: 'main', source, document, at: 5 }]);
      assert.equal(late?.done, false);
    });

    test('commits and removes a container with its files', async (store) => {
      const file = (key: string, text: string): StoreOperation => commitLines(`box${key}`, text);
      await store.commit([
        file('!/a', 'first'),
        file('!/in', 'inner'),
        file('!/in!/b', 'second'),
        file('!/c', 'third'),
        file('+', 'other'),
      ]);
      const [box] = await store.commit([{ ...commitLines('box', 'list'), members: ['box!/a', 'box!/in'] } as StoreOperation]);
      assert.deepEqual(box?.removed, ['box!/c']);
      const keys = async (): Promise<readonly string[]> => (await store.listSources('main')).map(({ key }) => key);
      assert.deepEqual(await keys(), ['box', 'box!/a', 'box!/in', 'box!/in!/b', 'box+']);
      assert.deepEqual(await store.searchText('third', scope, 5), []);
      const [gone] = await store.commit([{ type: 'removeSource', collection: 'main', key: 'box', at: 3 }]);
      assert.deepEqual(gone?.removed, ['box', 'box!/a', 'box!/in', 'box!/in!/b']);
      assert.deepEqual(await keys(), ['box+']);
    });

    test('removes the files of a source that is a container no more, and nothing that is none of them', async (store) => {
      await store.acceptSources('main', [{ source: { key: 'box!/kept', uri: 'box!/kept', metadata: {} }, bytes: Uint8Array.of(1) }]);
      await store.commit([commitLines('box!/a', 'first'), commitLines('other', 'plain'), commitLines('box', 'list')]);
      await store.commit([{ ...commitLines('box', 'list'), members: ['box!/a'] } as StoreOperation, commitLines('box!/a', 'first')]);
      const document = await documentOf(store, 'other');
      const source = { key: 'box', uri: 'file:///box', metadata: {} };
      const [pointed] = await store.commit([{ type: 'commitSource', collection: 'main', source, document, at: 2 }]);
      assert.deepEqual(pointed?.removed, ['box!/a']);
      assert.deepEqual(
        (await store.listSources('main')).map(({ key }) => key),
        ['box', 'box!/kept', 'other'],
      );
    });

    test('gives new metadata to the files of a container, and lists those that failed', async (store) => {
      const error = { code: 'E_DOCUMENT_DAMAGED', message: 'It is cut short.', remedy: 'Copy it again.', retryable: false };
      const bad = { key: 'box!/in!/b', uri: 'box!/in!/b', metadata: { year: 1 } };
      await store.commit([
        commitLines('box!/a', 'first', { year: 1 }),
        { type: 'commitFailure', collection: 'main', source: bad, error, at: 1 },
        { type: 'commitFailure', collection: 'main', source: { ...bad, key: 'box' }, error, at: 1 },
        commitLines('boxes', 'second', { year: 1 }),
      ]);
      const failed = await store.listFailedMembers('main', 'box', { afterKey: '', limit: 5 });
      assert.deepEqual(
        failed.map(({ key }) => key),
        ['box!/in!/b'],
      );
      assert.deepEqual(await store.listFailedMembers('main', 'box', { afterKey: 'box!/in!/b', limit: 5 }), []);
      const [outcome] = await store.commit([
        { type: 'describeMembers', collection: 'main', container: 'box', metadata: { year: 2 }, at: 5 },
      ]);
      assert.equal(outcome?.done, true);
      assert.deepEqual(
        (await store.listSources('main')).map(({ metadata }) => metadata['year']),
        [1, 2, 2, 1],
      );
      assert.equal((await store.searchText('first', { ...scope, filter: { year: 2 } }, 5)).length, 1);
      assert.deepEqual((await store.verify()).problems, []);
    });

    test('keeps a failure beside the last good version', async (store) => {
      await store.commit([commitLines('a', 'good')]);
      const document = await documentOf(store, 'a');
      const error = { code: 'E_DOCUMENT_DAMAGED', message: 'It is cut short.', remedy: 'Copy it again.', retryable: false };
      const source = { key: 'a', uri: 'file:///a', metadata: {} };
      await store.commit([{ type: 'commitFailure', collection: 'main', source, error, at: 2 }]);
      const record = await store.readSource('main', 'a');
      assert.deepEqual(record?.error, error);
      assert.equal(record?.document, document);
      assert.equal((await store.collections())[0]?.failedSources, 1);
    });

    test('makes the operations of one commit true together or not at all', async (store) => {
      const bad: StoreOperation = { type: 'setRunState', run, state: 'done', at: 1 };
      await assert.rejects(store.commit([commitLines('a', 'text'), bad]), isCode('E_NOT_FOUND'));
      assert.equal(await store.readSource('main', 'a'), undefined);
      assert.deepEqual(await store.searchText('text', scope, 5), []);
    });
  });

  runner.describe(`${name} searches`, () => {
    test('finds text by stem, within filter and documents, and takes any query', async (store) => {
      await store.commit([commitLines('a', 'The cats sleep', { year: 2020, draft: true, 'odd"key': 'x' })]);
      await store.commit([commitLines('b', 'A cat runs', { year: 2024, draft: false })]);
      const b = await documentOf(store, 'b');
      assert.equal((await store.searchText('cat', scope, 5)).length, 2);
      assert.equal((await store.searchText('cat', scope, 1)).length, 1);
      for (const filter of [{ year: { gte: 2021 } }, { draft: false }, { year: { in: [2024, 'x'] } }]) {
        const [hit, ...rest] = await store.readChunks((await store.searchText('cat', { ...scope, filter }, 5)).map((hit) => hit.chunk));
        assert.equal(hit?.text, 'A cat runs');
        assert.deepEqual(rest, []);
      }
      assert.equal((await store.searchText('cat', { ...scope, filter: { 'odd"key': 'x' } }, 5)).length, 1);
      assert.deepEqual(await store.searchText('cat', { ...scope, filter: { year: `x' OR 1=1 --` } }, 5), []);
      assert.equal((await store.searchText('cat', { ...scope, documents: [b] }, 5)).length, 1);
      assert.deepEqual(await store.searchText('cat', { collection: 'other' }, 5), []);
      for (const query of ['', '" OR *', 'text:', 'NEAR(', '(((']) await store.searchText(query, scope, 5);
    });

    test('finds vectors by cosine and lists what has none', async (store) => {
      const [outcome] = await store.commit([commitLines('a', 'x\ny\nz')]);
      const [x, y, z] = outcome?.chunks ?? [];
      assert.ok(x !== undefined && y !== undefined && z !== undefined);
      const vectors = [
        { chunk: x, vector: Float32Array.of(3, 0) },
        { chunk: y, vector: Float32Array.of(1, 1) },
      ];
      await store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions: 2, vectors }]);
      const [again] = await store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions: 2, vectors }]);
      assert.equal(again?.done, false);
      const hits = await store.searchVectors(Float32Array.of(1, 0), 'e', scope, 5);
      assert.deepEqual(
        hits.map((hit) => hit.chunk),
        [x, y],
      );
      assert.ok(Math.abs((hits[1]?.score ?? 0) - Math.SQRT1_2) < 0.001);
      const open = await store.listUnembedded('main', 'e', { after: 0, limit: 10 });
      assert.deepEqual(
        open.map((chunk) => [chunk.id, chunk.text]),
        [[z, 'z']],
      );
      assert.deepEqual((await store.collections())[0]?.embedded, { e: 2 });
      await store.commit([commitLines('a', 'other')]);
      assert.deepEqual(await store.searchVectors(Float32Array.of(1, 0), 'e', scope, 5), []);
    });

    test('gives what has no vector page by page, through long documents and from one to the next', async (store) => {
      await store.commit([commitLines('a', 'a\nb\nc'), commitLines('b', 'd\ne')]);
      const texts: string[] = [];
      let after: ChunkId | 0 = 0;
      for (;;) {
        const page: readonly { readonly id: ChunkId; readonly text: string }[] = await store.listUnembedded('main', 'e', {
          after,
          limit: 2,
        });
        if (page.length === 0) break;
        texts.push(...page.map(({ text }) => text));
        after = page.at(-1)?.id ?? after;
      }
      assert.deepEqual(texts, ['a', 'b', 'c', 'd', 'e']);
    });

    test('refuses vectors that are not finite or of another length', async (store) => {
      const [outcome] = await store.commit([commitLines('a', 'x')]);
      const chunk = outcome?.chunks?.[0];
      assert.ok(chunk !== undefined);
      for (const vector of [Float32Array.of(Number.NaN, 0), Float32Array.of(1)]) {
        const commit = store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions: 2, vectors: [{ chunk, vector }] }]);
        await assert.rejects(commit, isCode('E_INPUT_INVALID'));
      }
      await store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions: 1, vectors: [{ chunk, vector: Float32Array.of(1) }] }]);
      await assert.rejects(store.searchVectors(Float32Array.of(Infinity), 'e', scope, 1), isCode('E_INPUT_INVALID'));
    });
  });

  runner.describe(`${name} keeps runs and settings`, () => {
    const items = [0, 1, 2].map((number) => ({ number, key: `k${number}`, input: { question: number } }));
    const create: StoreOperation = { type: 'createRun', run, kind: 'ask-many', definition: { top: 1 }, items, at: 1 };

    test('claims each item once, and again after its lease', async (store) => {
      await store.commit([create, create]);
      const first = await store.claimItems(run, { limit: 2, leaseUntil: 100, at: 10 });
      assert.deepEqual(
        first.map((item) => [item.number, item.attempt, item.fence]),
        [
          [0, 1, 1],
          [1, 1, 1],
        ],
      );
      assert.deepEqual(
        (await store.claimItems(run, { limit: 5, leaseUntil: 100, at: 11 })).map((item) => item.number),
        [2],
      );
      const again = await store.claimItems(run, { limit: 5, leaseUntil: 300, at: 100 });
      assert.deepEqual(
        again.map((item) => [item.number, item.attempt, item.fence]),
        [
          [0, 2, 2],
          [1, 2, 2],
          [2, 2, 2],
        ],
      );
    });

    test('refuses a settlement with a stale fence and a second settlement', async (store) => {
      await store.commit([create]);
      await store.claimItems(run, { limit: 1, leaseUntil: 5, at: 1 });
      await store.claimItems(run, { limit: 1, leaseUntil: 50, at: 6 });
      const settle = (fence: number): StoreOperation => ({
        type: 'settleItem',
        run,
        number: 0,
        fence,
        status: 'done',
        result: { text: `by ${fence}` },
        at: 9,
      });
      assert.deepEqual(await store.commit([settle(1), settle(2), settle(2)]), [{ done: false }, { done: true }, { done: false }]);
      const [item] = await store.listRunItems(run, { after: -1, limit: 5, state: 'settled' });
      assert.deepEqual(item?.result, { text: 'by 2' });
      assert.deepEqual((await store.readRun(run))?.items, { pending: 2, claimed: 0, settled: 1 });
    });

    test('renews settled items with another key and input, and no others', async (store) => {
      await store.commit([create]);
      const [claimed] = await store.claimItems(run, { limit: 1, leaseUntil: 50, at: 1 });
      assert.ok(claimed);
      await store.commit([{ type: 'settleItem', run, number: claimed.number, fence: claimed.fence, status: 'done', result: 1, at: 2 }]);
      const renewed = [0, 1].map((number) => ({ number, key: `new-${number}`, input: { renewed: number } }));
      await store.commit([{ type: 'renewRunItems', run, items: renewed }]);
      const found = await store.listRunItems(run, { after: -1, limit: 2 });
      assert.deepEqual(
        found.map(({ state, key, status }) => ({ state, key, status })),
        [
          { state: 'pending', key: 'new-0', status: null },
          { state: 'pending', key: items[1]?.key, status: null },
        ],
      );
      assert.equal(
        (await store.commit([{ type: 'settleItem', run, number: 0, fence: claimed.fence, status: 'done', at: 3 }]))[0]?.done,
        false,
      );
    });

    test('an interrupted run gives its claims back, a cancelled one settles them', async (store) => {
      await store.commit([create]);
      await store.claimItems(run, { limit: 1, leaseUntil: 50, at: 1 });
      await store.commit([{ type: 'setRunState', run, state: 'interrupted', at: 2 }]);
      assert.deepEqual((await store.readRun(run))?.items, { pending: 3, claimed: 0, settled: 0 });
      const late: StoreOperation = { type: 'settleItem', run, number: 0, fence: 1, status: 'done', at: 3 };
      assert.deepEqual(await store.commit([late]), [{ done: false }]);
      await store.commit([{ type: 'setRunState', run, state: 'cancelled', at: 4 }]);
      const settled = await store.listRunItems(run, { after: 0, limit: 5 });
      assert.deepEqual(
        settled.map((item) => item.status),
        ['cancelled', 'cancelled'],
      );
      assert.equal((await store.listRuns())[0]?.state, 'cancelled');
    });

    test('keeps settings, finds the record sound, and builds its index again', async (store) => {
      assert.equal(await store.readSetting('x'), undefined);
      await store.writeSetting('x', { deep: [1, null] });
      assert.deepEqual(await store.readSetting('x'), { deep: [1, null] });
      await store.commit([commitLines('a', 'one\ntwo')]);
      assert.deepEqual(await store.rebuild(), { damagedChunks: 0 });
      assert.equal((await store.searchText('two', scope, 5)).length, 1);
      assert.deepEqual(await store.verify(), { ok: true, problems: [], checked: { documents: 1, chunks: 2, vectors: 0 } });
    });
  });
}
