import koffi from 'koffi';
import type { Pointer } from './layout.ts';
import type { StructValue } from './layout.ts';

/** Native memory of one `llama_batch`, filled from JavaScript without copies. */
export interface Batch {
  readonly capacity: number;
  readonly size: number;
  clear(): void;
  /** Appends one token and returns its index in the batch. The caller keeps within `capacity`. */
  add(token: number, position: number, sequence: number, output: boolean): number;
  /** The struct to pass by value. */
  value(): StructValue;
  free(): void;
}

export function createBatch(capacity: number): Batch {
  const blocks: Pointer[] = [];
  function allocate(bytes: number): { address: Pointer; memory: ArrayBuffer } {
    const address = koffi.alloc('uint8_t', bytes) as Pointer;
    blocks.push(address);
    return { address, memory: koffi.view(address, bytes) };
  }
  const token = allocate(4 * capacity);
  const position = allocate(4 * capacity);
  const sequenceCount = allocate(4 * capacity);
  const sequence = allocate(4 * capacity);
  const sequencePointers = allocate(8 * capacity);
  const output = allocate(capacity);
  const tokens = new Int32Array(token.memory);
  const positions = new Int32Array(position.memory);
  const sequences = new Int32Array(sequence.memory);
  const outputs = new Int8Array(output.memory);
  new Int32Array(sequenceCount.memory).fill(1);
  const pointers = new BigUint64Array(sequencePointers.memory);
  for (let index = 0; index < capacity; index++) pointers[index] = sequence.address + BigInt(4 * index);
  let size = 0;
  return {
    capacity,
    get size() {
      return size;
    },
    clear() {
      size = 0;
    },
    add(tokenId, at, sequenceId, wantsOutput) {
      tokens[size] = tokenId;
      positions[size] = at;
      sequences[size] = sequenceId;
      outputs[size] = wantsOutput ? 1 : 0;
      return size++;
    },
    value: () => ({
      n_tokens: size,
      token: token.address,
      embd: null,
      pos: position.address,
      n_seq_id: sequenceCount.address,
      seq_id: sequencePointers.address,
      logits: output.address,
    }),
    free() {
      for (const block of blocks) koffi.free(block);
    },
  };
}
