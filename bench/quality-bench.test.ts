import { describe, expect, it } from 'vitest';
import { qualityTable } from './quality-bench.ts';

describe('qualityTable', () => {
  it('shows every figure with its interval, its number of cases, its split and what it should reach', () => {
    const text = qualityTable({
      name: 'gold',
      title: 'Questions',
      split: 'report',
      elapsedMs: 90_000,
      figures: [
        { name: 'f1', value: 0.7, low: 0.6, high: 0.8, n: 300, aim: '≥ .7' },
        { name: 'none', value: null, n: 0 },
        { name: 'latency p50', value: 12.34, n: 300, unit: 'ms' },
        { name: 'right', value: 12, n: 15 },
      ],
    });
    expect(text).toBe(
      [
        'gold: Questions. Split: report. 1.5 min.',
        '               value           95 %    n   aim',
        'f1             0.700  0.600 – 0.800  300  ≥ .7',
        'none               –                   0',
        'latency p50  12.3 ms                 300',
        'right             12                  15',
      ].join('\n'),
    );
  });
});
