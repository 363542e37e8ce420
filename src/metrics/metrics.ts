import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricEntry, metricCatalogue, type MetricName } from './catalogue.ts';

type Labels = Readonly<Record<string, string>>;

/** Sets a value that somebody else keeps: a gauge, or the total of a counter. */
export type SetMetric = (name: MetricName, value: number, labels?: Labels) => void;

/** The metrics of one open directory. A label value must come from a small fixed set: each combination is kept for good. */
export interface Metrics {
  add(name: MetricName, amount: number, labels?: Labels): void;
  /** Only for histograms. */
  observe(name: MetricName, value: number, labels?: Labels): void;
  /** Asked at every reading. One that fails is told in the reading's error, and the others are read. */
  source(read: (set: SetMetric) => void | Promise<void>): void;
  /** Text exposition format of Prometheus, version 0.0.4. */
  text(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const entries = Object.entries<MetricEntry>(metricCatalogue);
  const instruments = new Map(entries.map(([name, entry]) => [name, create(registry, name, entry)]));
  const sources: ((set: SetMetric) => void | Promise<void>)[] = [];

  function instrument(name: MetricName): Counter | Gauge | Histogram {
    return instruments.get(name) as Counter | Gauge | Histogram;
  }

  function set(name: MetricName, value: number, labels: Labels = {}): void {
    const metric = instrument(name);
    if (metric instanceof Gauge) metric.set(labels, value);
    else if (metric instanceof Counter) {
      metric.remove(labels);
      metric.inc(labels, value);
    } else throw new TypeError(`${name} is a histogram: its values are observed.`);
  }

  return {
    add(name, amount, labels = {}) {
      const metric = instrument(name);
      if (metric instanceof Histogram) throw new TypeError(`${name} is a histogram: its values are observed.`);
      metric.inc(labels, amount);
    },
    observe(name, value, labels = {}) {
      const metric = instrument(name);
      if (!(metric instanceof Histogram)) throw new TypeError(`${name} is no histogram.`);
      metric.observe(labels, value);
    },
    source(read) {
      sources.push(read);
    },
    async text() {
      for (const read of sources) await read(set);
      return registry.metrics();
    },
  };
}

function create(registry: Registry, name: string, { kind, help, labels, buckets }: MetricEntry): Counter | Gauge | Histogram {
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === 'counter') return new Counter(common);
  if (kind === 'gauge') return new Gauge(common);
  return new Histogram({ ...common, buckets: [...(buckets ?? [])] });
}
