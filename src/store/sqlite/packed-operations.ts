import type { StoreOperation } from '../../spec/store.ts';
import type { PreparedOperation } from './operations.ts';

/**
 * Operations as one text of JSON, with what is large beside it. Documents have many small objects: to copy them as they are takes both
 * threads several times as long.
 */
export interface PackedOperations {
  readonly count: number;
  readonly json: string;
  /** Of the documents, in order. */
  readonly texts: readonly string[];
  readonly boxes: readonly { readonly operation: number; readonly page: number; readonly boxes: Uint32Array }[];
  /** Of all vectors, one after the other; how many numbers each has stands in the JSON. */
  readonly numbers: Float32Array;
}

type Plain = Extract<
  StoreOperation,
  { readonly type: 'commitDocument' | 'commitSource' | 'commitFailure' | 'acceptSource' | 'commitVectors' }
>;
/** Those whose values are all JSON, but for the parts that go beside it. */
const plainTypes: ReadonlySet<StoreOperation['type']> = new Set<Plain['type']>([
  'commitDocument',
  'commitSource',
  'commitFailure',
  'acceptSource',
  'commitVectors',
]);

export function isPackable(operations: readonly PreparedOperation[]): boolean {
  return operations.every(({ operation }) => plainTypes.has(operation.type));
}

export function packOperations(operations: readonly PreparedOperation[]): PackedOperations {
  const texts: string[] = [];
  const boxes: PackedOperations['boxes'][number][] = [];
  const vectors: Float32Array[] = [];
  const light = operations.map((one, index) => {
    const { operation } = one;
    if (operation.type === 'commitDocument') {
      const { text, pages, ...document } = operation.document;
      texts.push(text.slice());
      const unboxed = pages.map(({ boxes: ofPage, ...page }, number) => {
        if (ofPage !== undefined) boxes.push({ operation: index, page: number, boxes: ofPage });
        return page;
      });
      return { ...one, operation: { ...operation, document: { ...document, text: '', pages: unboxed } } };
    }
    if (operation.type !== 'commitVectors') return one;
    const lengths = operation.vectors.map(({ chunk, vector }) => {
      vectors.push(vector);
      return { chunk, vector: vector.length };
    });
    return { ...one, operation: { ...operation, vectors: lengths } };
  });
  return { count: operations.length, json: JSON.stringify(light), texts, boxes, numbers: joined(vectors) };
}

function joined(vectors: readonly Float32Array[]): Float32Array {
  const numbers = new Float32Array(vectors.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const vector of vectors) {
    numbers.set(vector, at);
    at += vector.length;
  }
  return numbers;
}

/** The inverse. */
export function unpackOperations({ json, texts, boxes, numbers }: PackedOperations): readonly PreparedOperation[] {
  type Unpacked<Value> = { -readonly [Key in keyof Value]: Value[Key] };
  const operations = JSON.parse(json) as readonly PreparedOperation[];
  let document = 0;
  let at = 0;
  for (const { operation } of operations) {
    if (operation.type === 'commitDocument') {
      (operation.document as Unpacked<typeof operation.document>).text = texts[document] ?? '';
      document += 1;
    } else if (operation.type === 'commitVectors') {
      for (const one of operation.vectors as readonly { vector: Float32Array | number }[]) {
        const length = one.vector as number;
        one.vector = numbers.subarray(at, at + length);
        at += length;
      }
    }
  }
  for (const { operation: index, page, boxes: ofPage } of boxes) {
    const operation = operations[index]?.operation;
    const found = operation?.type === 'commitDocument' ? operation.document.pages[page] : undefined;
    if (found === undefined) throw new RangeError('There are boxes of a page that is not there.');
    found.boxes = ofPage as Uint32Array<ArrayBuffer>;
  }
  return operations;
}
