import type { CellMemory } from '../../src/engines/llama/child/cell-memory.ts';

/** A KV cache that remembers which token each cell was computed from; a cell is free when no sequence has it. */
export interface FakeCells extends CellMemory {
  /** Computes `tokens` from position `start` on in this sequence. */
  compute(sequence: number, tokens: Int32Array, start?: number): void;
  tokensOf(sequence: number): number[];
  /** Cells that some sequence has. */
  readonly used: number;
  /** Cells that would be needed if equal beginnings were always shared. */
  distinctBeginnings(): number;
}

export function createFakeCells(): FakeCells {
  const sequences = new Map<number, { readonly token: number }[]>();
  return {
    compute(sequence, tokens, start = 0) {
      const kept = (sequences.get(sequence) ?? []).slice(0, start);
      if (kept.length !== start) throw new Error(`Sequence ${sequence} has ${kept.length} cells, not ${start}.`);
      sequences.set(sequence, [...kept, ...Array.from(tokens.slice(start), (token) => ({ token }))]);
    },
    copy(from, to, tokens) {
      const cells = sequences.get(from) ?? [];
      if (cells.length < tokens) throw new Error(`Sequence ${from} has ${cells.length} cells, not ${tokens}.`);
      sequences.set(to, cells.slice(0, tokens));
    },
    remove(sequence, start) {
      const kept = (sequences.get(sequence) ?? []).slice(0, start);
      if (kept.length === 0) sequences.delete(sequence);
      else sequences.set(sequence, kept);
    },
    tokensOf: (sequence) => (sequences.get(sequence) ?? []).map((cell) => cell.token),
    get used() {
      return new Set([...sequences.values()].flat()).size;
    },
    distinctBeginnings() {
      const beginnings = new Set<string>();
      for (const cells of sequences.values())
        cells.forEach((_, index) => beginnings.add(JSON.stringify(cells.slice(0, index + 1).map((cell) => cell.token))));
      return beginnings.size;
    },
  };
}
