/** What placing requests does to the cells of a KV cache. */
export interface CellMemory {
  /** Makes the first `tokens` cells of sequence `from` the only cells of `to`. */
  copy(from: number, to: number, tokens: number): void;
  /** Frees the cells of a sequence from position `start` on, where no other sequence has them too. */
  remove(sequence: number, start: number): void;
}
