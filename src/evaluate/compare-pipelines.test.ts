import { describe, expect, it } from 'vitest';
import type { SettledQuestion } from '../spec/runs.ts';
import { createComparison } from './compare-pipelines.ts';

function item(name: string, answer: string | null, changes: Partial<SettledQuestion> = {}): SettledQuestion {
  return {
    index: 0,
    pipeline: { number: 0, name },
    id: null,
    question: 'Q?',
    status: answer === null ? 'failed' : 'done',
    answer,
    abstained: false,
    citations: [],
    unsupported: [],
    error: null,
    attempts: 1,
    startedAt: null,
    endedAt: '2026-01-01T00:00:00.000Z',
    timings: { totalMs: 100 },
    usage: { promptTokens: 50, cachedTokens: 20, outputTokens: 5 },
    model: 'm',
    revision: 1,
    stale: false,
    ...changes,
  };
}

describe('createComparison', () => {
  it('counts equal answers apart from case, punctuation and markers, and the overlap of their words', () => {
    const comparison = createComparison(['a', 'b']);
    expect(comparison.add([item('a', 'It carries 48. [1]'), item('b', 'it carries 48 [2]')]).agree).toBe(true);
    expect(comparison.add([item('a', 'It carries 48'), item('b', 'It carries 52')]).agree).toBe(false);
    expect(comparison.add([item('a', 'x', { abstained: true }), item('b', 'y', { abstained: true })]).agree).toBe(true);
    expect(comparison.add([item('a', 'It carries 48'), item('b', null)]).agree).toBeNull();
    const { agreement, questions } = comparison.summary();
    expect(questions).toBe(4);
    expect(agreement).toEqual([{ pipelines: ['a', 'b'], questions: 3, equal: 2 / 3, overlap: (1 + 2 / 3 + 1) / 3 }]);
  });

  it('tells the figures of each pipeline', () => {
    const comparison = createComparison(['a', 'b', 'c']);
    for (const totalMs of [100, 200, 300]) {
      comparison.add([item('a', 'x', { timings: { totalMs } }), item('b', null, { status: 'expired', timings: null, usage: null })]);
    }
    const [a, b, c] = comparison.summary().pipelines;
    expect(a).toMatchObject({ done: 3, medianMs: 200, p95Ms: 290, computedTokens: 90, reusedTokens: 60, writtenTokens: 15 });
    expect(b).toMatchObject({ done: 0, expired: 3, medianMs: 0, computedTokens: 0 });
    expect(c).toMatchObject({ done: 0, failed: 0 });
  });

  it('puts the answers side by side', () => {
    const row = createComparison(['a', 'b']).add([item('b', 'y', { index: 7, id: 'q-7' })]);
    expect(row).toMatchObject({ index: 7, id: 'q-7', answers: { a: null, b: { answer: 'y' } } });
  });
});
