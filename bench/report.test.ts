import { describe, expect, it } from 'vitest';
import { figuresOf, scenarioTable, type ScenarioResult } from './report.ts';

const run = (elapsedMs: number, cached = 0) => ({ elapsedMs, computedTokens: 1000 - cached, effectiveTokens: 1000, outputTokens: 100 });
const result: ScenarioResult = {
  name: 'shared-prefix',
  title: 'questions over a prefix',
  compares: 'effective',
  entries: [
    { label: 'ours', flags: '', runs: [{ ...run(500, 400), loop: { nativeMs: 480, busyMs: 490 } }, run(1000, 400)] },
    { label: 'a rival', flags: '', runs: [run(1000), run(1000)] },
  ],
};

describe('figuresOf', () => {
  it('counts cached tokens as effective only, and compares what the scenario says', () => {
    const [ours, rival] = figuresOf(result);
    expect(ours).toMatchObject({ computed: { median: 900 }, effective: { median: 1500 }, ratio: { median: 1 } });
    expect(rival).toMatchObject({ computed: { median: 1000 }, ratio: { median: 1.5, minimum: 1, maximum: 2 }, outsideOfLoop: undefined });
    expect(figuresOf({ ...result, compares: 'computed' })[1]!.ratio.median).toBeCloseTo(0.9);
  });

  it('gives the share of time outside native calls, of the loop and of all', () => {
    const [ours] = figuresOf(result);
    expect(ours!.outsideOfLoop).toBeCloseTo(10 / 490);
    expect(ours!.outsideOfAll).toBeCloseTo(20 / 500);
  });
});

describe('scenarioTable', () => {
  it('puts computed tokens first and prints the bound beside the gain', () => {
    const rates = { prefill: 800, decodeAlone: 100, decodeTogether: 250 };
    const text = scenarioTable({ ...result, gain: { bound: 1.62, measured: undefined, rates } });
    const lines = text.split('\n');
    expect(lines[0]).toBe('questions over a prefix (ratio of effective tok/s)');
    expect(lines[1]).toMatch(/^ +computed tok\/s +effective tok\/s/);
    expect(lines[2]).toMatch(/^ours +900 \(600–1200\) +1500 \(1000–2000\).* 2\.0 % +4\.0 %$/);
    expect(text).toContain('one at a time was not measured, at best 1.62x (prefill 800, decode 100 alone, 250 together, tok/s)');
  });
});
