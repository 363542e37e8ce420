import { describe, expect, it } from 'vitest';
import type { ChunkId } from '../spec/identifiers.ts';
import { fuseByScore, leastCosine } from './fuse.ts';

const ranking = (...scores: (readonly [number, number])[]) => scores.map(([chunk, score]) => ({ chunk: chunk as ChunkId, score }));

describe('fuseByScore', () => {
  const text = { chunks: ranking([1, 10], [2, 9], [3, 1]), weight: 1, name: 'text' } as const;
  const vector = { chunks: ranking([2, 0.8], [1, 0.4]), weight: 1, name: 'vector' } as const;

  it('adds what each score is of the best of its ranking, and tells the ranks', () => {
    expect(fuseByScore([text, vector], 10)).toEqual([
      { chunk: 2, score: 0.95, ranks: { text: 2, vector: 1 } },
      { chunk: 1, score: 0.75, ranks: { text: 1, vector: 2 } },
      { chunk: 3, score: 0.05, ranks: { text: 3 } },
    ]);
  });

  it('weighs rankings, leaves out those of weight 0, and keeps the order of one alone', () => {
    expect(fuseByScore([{ ...text, weight: 9 }, vector], 1)[0]).toMatchObject({ chunk: 1 });
    expect(fuseByScore([text, { ...vector, weight: 0 }], 10).map(({ chunk, ranks }) => [chunk, ranks.vector])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
    ]);
    expect(fuseByScore([{ chunks: [], weight: 1 }, vector], 10).map(({ chunk }) => chunk)).toEqual([2, 1]);
  });

  it('lets a ranking without a name help without a rank, and orders ties by chunk', () => {
    expect(fuseByScore([{ chunks: ranking([9, 2], [4, 2]), weight: 1 }], 10)).toEqual([
      { chunk: 4, score: 1, ranks: {} },
      { chunk: 9, score: 1, ranks: {} },
    ]);
  });

  it('takes no score below 0', () => {
    expect(fuseByScore([{ chunks: ranking([1, 0.5], [2, -0.5]), weight: 1 }], 10).map(({ score }) => score)).toEqual([1, 0]);
    expect(fuseByScore([{ chunks: ranking([1, -0.1], [2, -0.5]), weight: 1 }], 10).map(({ score }) => score)).toEqual([0, 0]);
  });

  it('lets the order of cosines count as much where all of them are high', () => {
    const wide = ranking(...Array.from({ length: 50 }, (_, row) => [row + 1, 0.8 - row * 0.012] as const));
    const narrow = wide.map(({ chunk, score }) => ({ chunk, score: 0.72 + 0.2 * score }));
    // Found by its words alone, against the last of the vectors that holds a fifth of these words.
    const words = { chunks: ranking([99, 10], [50, 2]), weight: 1, name: 'text' } as const;
    for (const chunks of [wide, narrow]) {
      const fused = fuseByScore([words, { chunks, weight: 1, least: leastCosine(chunks), name: 'vector' }], 100);
      const order = fused.map(({ chunk }) => chunk);
      expect(order[0]).toBe(1);
      expect(order.indexOf(99 as ChunkId)).toBeLessThan(order.indexOf(50 as ChunkId));
    }
    expect(leastCosine(narrow)).toBeGreaterThan(0.6);
    expect(leastCosine(wide)).toBe(0);
  });

  it('keeps what a ranking of one, or of equals, has found', () => {
    expect(leastCosine([])).toBe(0);
    for (const chunks of [ranking([7, 0.9]), ranking([7, 0.9], [8, 0.9])]) {
      expect(fuseByScore([{ chunks, weight: 1, least: leastCosine(chunks) }], 10)[0]).toMatchObject({ chunk: 7, score: 1 });
    }
  });
});
