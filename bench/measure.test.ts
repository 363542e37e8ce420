import { describe, expect, it } from 'vitest';
import { measureAlternating, type Entry } from './measure.ts';
import { ratesOf } from './rates.ts';
import { tokensOfRun } from './scenarios.ts';
import { seededNumbers } from './workload.ts';

describe('measureAlternating', () => {
  const log: string[] = [];
  let now = 0;
  const entry = (label: string, costMs: number): Entry => ({
    label,
    flags: '',
    prepare: (run) => {
      now += 10_000;
      return Promise.resolve(() => {
        log.push(`${label}${run}`);
        now += costMs;
        return Promise.resolve({ computedTokens: 1, effectiveTokens: 1, outputTokens: 0 });
      });
    },
  });
  const rest = () => {
    now += 500;
    return Promise.resolve();
  };
  const options = { runs: 3, runTimeoutMs: 1000, monotonicMs: () => now, rest };

  it('takes turns that begin with another entry each time, after one run that does not count, and leaves preparation and rest out', async () => {
    const measured = await measureAlternating([entry('a', 5), entry('b', 7)], { ...options, signal: new AbortController().signal });
    expect(log).toEqual(['a-1', 'b-1', 'a0', 'b0', 'b1', 'a1', 'a2', 'b2']);
    expect(measured.map(({ runs }) => runs.map(({ elapsedMs }) => elapsedMs))).toEqual([
      [5, 5, 5],
      [7, 7, 7],
    ]);
  });

  it('gives what is finished when it is aborted', async () => {
    await expect(measureAlternating([entry('a', 5)], { ...options, signal: AbortSignal.abort() })).resolves.toEqual([]);
    const controller = new AbortController();
    const onRun = (label: string, run: number): void => void (label === 'b' && run === 1 && controller.abort());
    const measured = await measureAlternating([entry('a', 5), entry('b', 7), entry('c', 1)], {
      ...options,
      onRun,
      signal: controller.signal,
    });
    expect(measured.map(({ label, runs }) => [label, runs.length])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ]);
  });

  it('fails with what an entry throws', async () => {
    const failing: Entry = { label: 'a', flags: '', prepare: () => Promise.reject(new Error('No such model.')) };
    await expect(measureAlternating([failing], { ...options, signal: new AbortController().signal })).rejects.toThrow('No such model.');
  });
});

describe('tokensOfRun', () => {
  it('does not count cached tokens as computed', () => {
    const usage = { promptTokens: 100, cachedTokens: 60, outputTokens: 10 };
    expect(tokensOfRun([usage, { ...usage, cachedTokens: 0 }])).toEqual({ computedTokens: 160, effectiveTokens: 220, outputTokens: 20 });
  });
});

describe('ratesOf', () => {
  it('takes the rate of decoding together from what long answers cost more than short ones', () => {
    const usage = { promptTokens: 200, cachedTokens: 0, outputTokens: 11, prefillMs: 100, decodeMs: 50 };
    const rates = ratesOf(usage, { outputTokens: 80, elapsedMs: 500 }, { outputTokens: 240, elapsedMs: 900 });
    expect(rates).toEqual({ prefill: 2000, decodeAlone: 200, decodeTogether: 400 });
  });
});

describe('seededNumbers', () => {
  it('depends on the seed alone and stays in [0, 1)', () => {
    const take = (seed: number) => Array.from({ length: 50 }, seededNumbers(seed));
    expect(take(3)).toEqual(take(3));
    expect(take(3)).not.toEqual(take(4));
    for (const value of take(5)) expect(value >= 0 && value < 1).toBe(true);
  });
});
