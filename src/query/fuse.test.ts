import { describe, expect, it } from 'vitest';
import type { ChunkId } from '../spec/identifiers.ts';
import { fuseByReciprocalRank } from './fuse.ts';

const ranking = (...ids: number[]) => ids.map((id) => ({ chunk: id as ChunkId, score: 0 }));

describe('fuseByReciprocalRank', () => {
  it('puts a chunk found twice before chunks found once', () => {
    const fused = fuseByReciprocalRank({ text: ranking(1, 2), vector: ranking(3, 2) }, 10);
    expect(fused.map(({ chunk }) => chunk)).toEqual([2, 1, 3]);
    expect(fused[0]?.score).toBeCloseTo(2 / 62, 10);
    expect(fused[0]?.ranks).toEqual({ text: 2, vector: 2 });
  });

  it('keeps the order of one ranking alone and cuts at the limit', () => {
    expect(fuseByReciprocalRank({ text: ranking(5, 4, 9) }, 2).map(({ chunk }) => chunk)).toEqual([5, 4]);
  });

  it('weighs the rankings', () => {
    const fused = fuseByReciprocalRank({ text: ranking(1), vector: ranking(2) }, 10, { weights: { text: 0.5, vector: 2 } });
    expect(fused.map(({ chunk }) => chunk)).toEqual([2, 1]);
  });
});
