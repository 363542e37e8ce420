import { expect, it } from 'vitest';
import type { ChunkId, RunId } from '../../spec/identifiers.ts';
import type { StoreOperation } from '../../spec/store.ts';
import { commitLines } from '../../testing/store-conformance.ts';
import type { PreparedOperation } from './operations.ts';
import { isPackable, packOperations, unpackOperations } from './packed-operations.ts';

const ids = { source: 'source', document: 'document' };
const vector = (...numbers: readonly number[]): Float32Array => Float32Array.from([0, ...numbers]).subarray(1);

function withBoxes(key: string, text: string, staged?: number): StoreOperation {
  const operation = commitLines(key, text);
  if (operation.type !== 'commitDocument') throw new Error('It is a document.');
  const pages = [
    { number: 1, start: 0, end: 4 },
    { number: 2, label: 'ii', start: 4, end: text.length, width: 595.28, height: 842, boxes: Uint32Array.of(4, 8, 1, 2, 3, 4_096) },
  ];
  return { ...operation, ...(staged === undefined ? {} : { staged }), document: { ...operation.document, pages } };
}

const operations: readonly PreparedOperation[] = [
  { operation: withBoxes('one', 'text with "quotes", a 🦀, half of one: \ud83e and \u2028'), ids },
  { operation: failureOf('E_DOCUMENT_EMPTY'), ids },
  { operation: withBoxes('two', 'another text', 7), ids },
  {
    operation: {
      type: 'commitVectors',
      embedderHash: 'embedder',
      dimensions: 2,
      // What is not a number, and what has another length, is for the writer to refuse.
      vectors: [
        { chunk: 1 as ChunkId, vector: vector(0.25, Number.NaN) },
        { chunk: 2 as ChunkId, vector: vector() },
        { chunk: 3 as ChunkId, vector: vector(Number.POSITIVE_INFINITY, -0, 1) },
      ],
    },
    ids,
  },
];

function failureOf(code: 'E_DOCUMENT_EMPTY'): StoreOperation {
  const source = { key: 'failed', uri: 'failed', metadata: { size: 1.5, isOpen: false } };
  const error = { code, message: 'It holds no text.', remedy: 'None.', retryable: false, details: { attempt: { contentType: null } } };
  return { type: 'commitFailure', collection: 'default', source, error, at: 12 };
}

it('gives back what was packed, after it was copied to another thread', () => {
  const packed = packOperations(operations);
  expect(packed.count).toBe(4);
  expect(unpackOperations(structuredClone(packed))).toEqual(operations);
});

it('leaves the operations themselves as they are', () => {
  const before = structuredClone(operations);
  unpackOperations(packOperations(operations));
  expect(operations).toEqual(before);
});

it('packs no operation that may hold any value of a program', () => {
  expect(isPackable(operations)).toBe(true);
  const removal: StoreOperation = { type: 'deleteRun', run: 'run' as RunId };
  expect(isPackable([...operations, { operation: removal, ids }])).toBe(false);
});

it('takes boxes of a page that is not there for a fault', () => {
  const packed = packOperations(operations.slice(0, 1));
  expect(() => unpackOperations({ ...packed, json: packOperations(operations.slice(1, 2)).json })).toThrow(RangeError);
});
