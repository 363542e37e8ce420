import { describe, expect, it } from 'vitest';
import { distributionPlot } from './plot.ts';
import { type EvaluationReport, renderReport } from './report.ts';
import type { SelectivePoint } from './selective.ts';

function point(leastConfidence: number, coverage: number, right: number | null): SelectivePoint {
  const of = (value: number | null, n = 8) => ({ value, n });
  return { leastConfidence, coverage: of(coverage), right: of(right, coverage * 8), abstentionRecall: of(1), falseRefusals: of(0.25) };
}

const hostile = '<img src=x onerror="alert(1)">&\'';
const report: EvaluationReport = {
  title: hostile,
  facts: [['Data', hostile]],
  series: [
    {
      name: hostile,
      figures: [
        { name: 'f1', mean: 0.5, low: 0.4, high: 0.6, n: 120 },
        { name: 'em', mean: null, n: 0 },
      ],
      distribution: { name: 'f1', values: [0, 0.05, 0.5, 1] },
      selective: [point(0.5, 0.75, 0.6), point(0.9, 0.25, 1), point(0.98, 0, null)],
    },
  ],
  differences: [{ name: hostile, measures: { f1: { mean: 0.1, low: 0.02, high: 0.2, n: 120, groups: 40 } } }],
  rows: { title: 'Wrong', columns: ['question'], cells: [[hostile]] },
};

describe('renderReport', () => {
  const page = renderReport(report);

  it('escapes everything that is named, and fetches and runs nothing', () => {
    expect(page).not.toContain('<img');
    expect(page.match(/&lt;img src=x onerror=&quot;alert\(1\)&quot;&gt;&amp;&#39;/g)?.length).toBeGreaterThanOrEqual(6);
    expect(page).not.toMatch(/<script|<link|https?:|url\(|@import/);
    expect(page).toContain("default-src 'none'");
  });

  it('shows every figure with its interval and the size of its sample', () => {
    expect(page).toContain('<td>f1</td><td>0.500</td><td>0.400 – 0.600</td><td>120</td>');
    expect(page).toContain('<td>em</td><td>–</td><td></td><td>0</td>');
    expect(page).toContain('<td>f1</td><td>0.1000</td><td>0.0200 – 0.2000</td><td>120</td>');
    expect(page).toContain('0.500 (120)');
    expect(page).toContain('<td>0.90</td><td>0.250</td><td>1.000</td><td>2</td><td>1.000</td><td>0.250</td>');
    expect(page).toContain('<td>0.98</td><td>0.000</td><td>–</td><td>0</td>');
    // Of the last point nothing is given: there is no place for it.
    expect(page.match(/<polyline points="([^"]*)"/)?.[1]?.split(' ')).toHaveLength(2);
    expect(page.match(/<svg /g)).toHaveLength(4);
    const unverified = report.series.map((one) => ({ ...one, selective: [] }));
    expect(renderReport({ ...report, series: unverified }).match(/<svg /g)).toHaveLength(3);
  });

  it('counts values into tenths, 1 with the last', () => {
    const counts = [...distributionPlot([0, 0.05, 0.5, 1, 1.5, -1], 0).matchAll(/text-anchor="middle">(\d+)<\/text>/g)];
    expect(counts.slice(0, 10).map(([, count]) => Number(count))).toEqual([3, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
  });
});
