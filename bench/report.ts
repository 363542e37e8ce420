import { alignColumns } from '../src/util/align-columns.ts';
import type { MeasuredEntry, Run } from './measure.ts';
import type { Rates } from './bound.ts';
import { pairedRatio, summarise, type Summary } from './statistics.ts';

export interface ScenarioResult {
  readonly name: string;
  readonly title: string;
  readonly compares: 'computed' | 'effective';
  readonly entries: readonly MeasuredEntry[];
  /** Where requests run together: what batching gives over one at a time, and the best it could give. */
  readonly gain?: { readonly bound: number; readonly measured: number | undefined; readonly rates: Rates };
}

export interface BenchResult {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly contestants: readonly { readonly name: string; readonly version: string; readonly flags: string }[];
  readonly scenarios: readonly ScenarioResult[];
}

/** Figures of one entry over its runs, tokens per second. Ratios are ours to this one: above 1 we are faster. */
export interface EntryFigures {
  readonly label: string;
  readonly computed: Summary;
  readonly effective: Summary;
  readonly output: Summary;
  readonly ratio: Summary;
  /** Shares of the busy time of the loop, and of the whole time, that were not inside native calls. */
  readonly outsideOfLoop: number | undefined;
  readonly outsideOfAll: number | undefined;
}

export function figuresOf(result: ScenarioResult): EntryFigures[] {
  const [ours] = result.entries;
  const compared = result.compares === 'computed' ? computedRate : effectiveRate;
  return result.entries.map(({ label, runs }) => {
    const loops = runs.flatMap(({ loop, elapsedMs }) => (loop === undefined ? [] : [{ ...loop, elapsedMs }]));
    return {
      label,
      computed: summarise(runs.map(computedRate)),
      effective: summarise(runs.map(effectiveRate)),
      output: summarise(runs.map(({ outputTokens, elapsedMs }) => rate(outputTokens, elapsedMs))),
      ratio: pairedRatio(ours!.runs.map(compared), runs.map(compared)),
      outsideOfLoop: loops.length === 0 ? undefined : summarise(loops.map((loop) => 1 - loop.nativeMs / loop.busyMs)).median,
      outsideOfAll: loops.length === 0 ? undefined : summarise(loops.map((loop) => 1 - loop.nativeMs / loop.elapsedMs)).median,
    };
  });
}

const rate = (tokens: number, elapsedMs: number): number => (tokens / elapsedMs) * 1000;
const computedRate = (run: Run): number => rate(run.computedTokens, run.elapsedMs);
const effectiveRate = (run: Run): number => rate(run.effectiveTokens, run.elapsedMs);

const headers = ['', 'computed tok/s', 'effective tok/s', 'output tok/s', 'ours / this', 'outside native: loop', 'all'];

/** The table of one scenario: medians, with minimum and maximum of the runs behind. */
export function scenarioTable(result: ScenarioResult): string {
  const rows = figuresOf(result).map((figures) => [
    figures.label,
    spread(figures.computed, 0),
    spread(figures.effective, 0),
    figures.output.maximum === 0 ? '' : spread(figures.output, 0),
    spread(figures.ratio, 2),
    percent(figures.outsideOfLoop),
    percent(figures.outsideOfAll),
  ]);
  return [`${result.title} (ratio of ${result.compares} tok/s)`, alignColumns([headers, ...rows]), ...gainLines(result)].join('\n');
}

function gainLines({ gain }: ScenarioResult): string[] {
  if (gain === undefined) return [];
  const { prefill, decodeAlone, decodeTogether } = gain.rates;
  const measured = gain.measured === undefined ? 'one at a time was not measured' : `measured ${gain.measured.toFixed(2)}x`;
  const rates = `prefill ${prefill.toFixed(0)}, decode ${decodeAlone.toFixed(0)} alone, ${decodeTogether.toFixed(0)} together, tok/s`;
  return [`Gain over one at a time: ${measured}, at best ${gain.bound.toFixed(2)}x (${rates}).`];
}

function spread({ median, minimum, maximum }: Summary, digits: number): string {
  return `${median.toFixed(digits)} (${minimum.toFixed(digits)}–${maximum.toFixed(digits)})`;
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${(100 * share).toFixed(1)} %`;
}

/** What was measured, where and how: stands above the tables. */
export function heading({ machine, settings, contestants }: Omit<BenchResult, 'scenarios'>): string {
  const line = (fields: Readonly<Record<string, string | number>>): string =>
    Object.entries(fields)
      .map(([name, value]) => `${name} ${value}`)
      .join(' · ');
  return [line(machine), line(settings), ...contestants.map(({ name, version, flags }) => `${name} ${version}: ${flags}`)].join('\n');
}
