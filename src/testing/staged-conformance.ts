import { strict as assert } from 'node:assert';
import type { Store } from '../spec/store.ts';
import { sha256 } from '../util/hash.ts';
import { commitLines, lineDocument } from './line-document.ts';

/** A document that was staged in portions is as one that came whole, and nothing is kept of one that was given up. */
export async function checkStagedDocuments(store: Store): Promise<void> {
  const { pages, ...whole } = lineDocument('Top | Bottom\nfirst line\nsecond 🦀 line');
  const [block, ...chunks] = [{ kind: 'table', start: 0, header: { start: 0, end: 12 } } as const, ...whole.chunks];
  const header = { start: 0, end: 12 };
  const staged = store.stageDocument();
  const other = store.stageDocument();
  await staged.add({ text: 'Top | Bottom\nfirst ', blocks: [{ ...block, end: 18 }] });
  await staged.add({ chunks: chunks.slice(0, 1) });
  await other.add({ text: 'another text' });
  await staged.add({ text: 'line\nsecond 🦀 line', blocks: [{ ...block, end: 38 }] });
  await staged.add({ pages, chunks: chunks.slice(1).map((chunk) => ({ ...chunk, tableHeader: header })) });
  assert.deepEqual(await store.collections(), [], 'nothing is on record before the commit');
  const operation = commitLines('a', '');
  assert.ok(operation.type === 'commitDocument');
  const document = { ...whole, text: '', pages: [], blocks: [], chunks: [] };
  const [outcome] = await store.commit([{ ...operation, document, staged: staged.number }]);
  const id = outcome?.document;
  assert.ok(id);
  assert.deepEqual([outcome?.done, outcome?.chunks], [true, await store.listChunks(id)]);
  const read = await store.readChunks(await store.listChunks(id));
  assert.deepEqual(
    read.map(({ text, tableHeader }) => [text, tableHeader]),
    [
      ['Top | Bottom', null],
      ['first line', 'Top | Bottom'],
      ['second 🦀 line', 'Top | Bottom'],
    ],
  );
  assert.equal(await store.readSpan(id, 13, 25), 'first line\ns');
  const { textLength, pages: pageCount, chunks: chunkCount } = (await store.readDocument(id)) ?? {};
  assert.deepEqual([textLength, pageCount, chunkCount], [38, 1, 3]);
  // Nothing was forgotten yet: who is refused may try again.
  const [again] = await store.commit([{ ...operation, document, staged: staged.number }]);
  assert.deepEqual([again?.done, again?.chunks], [false, outcome?.chunks]);
  await staged.forget();
  await other.forget();
  await other.forget();
  await assert.rejects(other.add({ text: 'too late' }), { code: 'E_CANCELLED' });
  const gone = { ...operation, document: { ...document, bytesSha256: sha256('others') }, staged: other.number };
  await assert.rejects(store.commit([gone]));
  assert.equal((await store.collections())[0]?.documents, 1);
  assert.deepEqual((await store.verify()).problems, []);
}
