import { mkdir } from 'node:fs/promises';
import { alignColumns } from '../src/util/align-columns.ts';
import { describeMachine } from './machine.ts';
import { ownVersion } from './our-engine.ts';
import { endToEnd, exampleQuestions, goldParagraph, hardNegatives } from './quality/answer-quality.ts';
import { injection } from './quality/injection-quality.ts';
import { searchLatency } from './quality/latency-quality.ts';
import type { Figure, MeasureQuality, QualityResult, QualityScenarioName, QualitySettings } from './quality/quality-scenario.ts';
import { reportNumbers, reportRecall } from './quality/report-quality.ts';
import { beirQuality, xquadRecall } from './quality/retrieval-quality.ts';

export interface QualityBenchResult {
  readonly startedAt: string;
  readonly version: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Readonly<Record<string, string | number | null>>;
  readonly scenarios: readonly QualityResult[];
}

export interface QualityBenchOptions extends QualitySettings {
  readonly scenarios: readonly QualityScenarioName[];
  readonly print: (text: string) => void;
}

const measures: Readonly<Record<QualityScenarioName, MeasureQuality>> = {
  scifact: beirQuality('ir-scifact', { 'ndcg@10': '≥ .71, aim .74', 'recall@100': '≥ .95', gain: '≥ .03' }),
  cacm: beirQuality('ir-cacm', { map: '≥ .36' }),
  cranfield: beirQuality('ir-cranfield', { 'ndcg@10': '≥ .42' }),
  latency: searchLatency,
  'recall-en': xquadRecall('en'),
  'recall-de': xquadRecall('de'),
  'recall-zh': xquadRecall('zh'),
  'sec10q-recall': reportRecall,
  'sec10q-answers': reportNumbers,
  gold: goldParagraph,
  'hard-negatives': hardNegatives,
  'end-to-end': endToEnd,
  examples: exampleQuestions,
  injection,
};

export async function runQualityBench(options: QualityBenchOptions): Promise<QualityBenchResult> {
  const { data, work, model, embedder, split, limit, seed, concurrency, chunks, baselines, verify, contextMode, print } = options;
  await mkdir(work, { recursive: true });
  const head = {
    startedAt: new Date().toISOString(),
    version: ownVersion(),
    machine: describeMachine(),
    settings: {
      data,
      work,
      model,
      embedder,
      split,
      limit: limit ?? null,
      seed,
      concurrency,
      chunks,
      baselines: baselines.join(', '),
      verify,
      contextMode,
    },
  };
  const facts = { millrace: head.version, ...head.machine, ...head.settings };
  print(
    `${Object.entries(facts)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n')}\n\n`,
  );
  const scenarios: QualityResult[] = [];
  for (const name of options.scenarios) {
    const started = performance.now();
    const measured = await measures[name](options);
    const result = { name, ...measured, elapsedMs: performance.now() - started };
    options.progress('');
    print(`${qualityTable(result)}\n\n`);
    scenarios.push(result);
  }
  return { ...head, scenarios };
}

/** Figures of one scenario with their intervals, the number of cases, and what they should reach. */
export function qualityTable({ name, title, split, figures, elapsedMs }: QualityResult): string {
  const rows = figures.map((figure) => [figure.name, valueOf(figure), intervalOf(figure), String(figure.n), figure.aim ?? '']);
  const minutes = (elapsedMs / 60_000).toFixed(1);
  return `${name}: ${title}. Split: ${split}. ${minutes} min.\n${alignColumns([['', 'value', '95 %', 'n', 'aim'], ...rows])}`;
}

function valueOf({ value, unit }: Figure): string {
  if (value === null) return '–';
  if (unit !== undefined) return `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}

function intervalOf({ low, high }: Figure): string {
  return low === undefined || high === undefined ? '' : `${low.toFixed(3)} – ${high.toFixed(3)}`;
}
