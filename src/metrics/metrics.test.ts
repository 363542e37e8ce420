import { describe, expect, it } from 'vitest';
import { metricCatalogue } from './catalogue.ts';
import { createMetrics } from './metrics.ts';

const linesOf = (text: string, name: string): string[] => text.split('\n').filter((line) => line.startsWith(name));

describe('metrics', () => {
  it('tells every metric of the catalogue, and no other', async () => {
    const text = await createMetrics().text();
    const told = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
    expect(told.toSorted()).toEqual(
      Object.entries(metricCatalogue)
        .map(([name, { kind }]) => `${name} ${kind}`)
        .toSorted(),
    );
  });

  it('names what only grows _total, and measures in seconds and bytes', () => {
    const broken = Object.entries(metricCatalogue).filter(
      ([name, { kind }]) => (kind === 'counter') !== name.endsWith('_total') || /_(ms|milliseconds|kb|mb|minutes)(_|$)/.test(name),
    );
    expect(broken).toEqual([]);
  });

  it('adds, observes, and asks its sources at every reading', async () => {
    const metrics = createMetrics();
    let waiting = 3;
    metrics.add('millrace_work_settled_total', 2, { lane: 'embed', class: 'batch', outcome: 'done' });
    metrics.observe('millrace_work_wait_seconds', 0.3, { lane: 'embed', class: 'batch' });
    metrics.source((set) => {
      set('millrace_work_waiting', waiting, { lane: 'embed', class: 'batch' });
      set('millrace_engine_tokens_total', waiting * 10, { kind: 'prefill' });
    });
    const first = await metrics.text();
    expect(linesOf(first, 'millrace_work_settled_total')).toEqual([
      'millrace_work_settled_total{lane="embed",class="batch",outcome="done"} 2',
    ]);
    expect(linesOf(first, 'millrace_work_wait_seconds_bucket')).toContain(
      'millrace_work_wait_seconds_bucket{le="0.5",lane="embed",class="batch"} 1',
    );
    waiting = 5;
    const second = await metrics.text();
    expect(linesOf(second, 'millrace_work_waiting')).toEqual(['millrace_work_waiting{lane="embed",class="batch"} 5']);
    expect(linesOf(second, 'millrace_engine_tokens_total')).toEqual(['millrace_engine_tokens_total{kind="prefill"} 50']);
  });

  it('refuses what does not fit the kind of a metric', () => {
    const metrics = createMetrics();
    expect(() => metrics.observe('millrace_work_waiting', 1)).toThrow(TypeError);
    expect(() => metrics.add('millrace_work_wait_seconds', 1)).toThrow(TypeError);
  });
});
