import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, type Generator, type KvMode, openEngine } from '../src/index.ts';
import { alignColumns } from '../src/util/align-columns.ts';
import { describeMachine } from './machine.ts';
import { ownVersion } from './our-engine.ts';
import type { Reporting } from './output.ts';
import { pairedRatio, summarise, type Summary } from './statistics.ts';
import { sharedPrefixJobs, singleTokenWords } from './workload.ts';
import type { GenerateJob } from './contestant.ts';

export interface ReadBenchOptions extends Reporting {
  readonly model: string;
  readonly threads: number;
  readonly runs: number;
  readonly passageTokens: number;
  readonly kvMode: KvMode;
  readonly home?: string;
}

/** Where the passage was when the question came. */
const places = ['cold', 'in the KV cache', 'from memory', 'from disk, new process'] as const;
type Place = (typeof places)[number];

export interface PlaceFigures {
  readonly place: Place;
  readonly firstTokenMs: Summary;
  /** To cold, passage by passage; below 1 is faster. */
  readonly ratio: Summary;
  /** Reading, checking and copying back. */
  readonly restoreMs: Summary;
  readonly computedTokens: Summary;
}

export interface ReadResult {
  readonly startedAt: string;
  readonly version: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly bytesOfPassage: Summary;
  /** Questions whose tokens were the same wherever the passage came from, and all. */
  readonly sameAnswers: { readonly same: number; readonly of: number };
  readonly places: readonly PlaceFigures[];
}

interface Asked {
  readonly firstTokenMs: number;
  readonly restoreMs: number;
  readonly computedTokens: number;
  readonly tokens: readonly number[];
}

const questionTokens = 32;
const maxTokens = 8;
const greedy = { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 };

export async function runReadBench(options: ReadBenchOptions): Promise<ReadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const asked: Record<Place, Asked[]> = { cold: [], 'in the KV cache': [], 'from memory': [], 'from disk, new process': [] };
  try {
    const passages = await measureHere(options, folder, asked);
    await measureAnew(options, folder, passages, asked);
    const bytes = await sizes(folder);
    const first = asked.cold.map(({ firstTokenMs }) => firstTokenMs);
    const same = asked.cold.filter((one, run) => places.every((place) => asked[place][run]!.tokens.join() === one.tokens.join())).length;
    const result: ReadResult = {
      startedAt,
      version: ownVersion(),
      machine,
      settings: settingsOf(options),
      bytesOfPassage: summarise(bytes),
      sameAnswers: { same, of: asked.cold.length },
      places: places.map((place) => ({
        place,
        firstTokenMs: summarise(asked[place].map(({ firstTokenMs }) => firstTokenMs)),
        ratio: pairedRatio(
          asked[place].map(({ firstTokenMs }) => firstTokenMs),
          first,
        ),
        restoreMs: summarise(asked[place].map(({ restoreMs }) => restoreMs)),
        computedTokens: summarise(asked[place].map(({ computedTokens }) => computedTokens)),
      })),
    };
    options.print(reportOf(result));
    return result;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One sequence: each new passage takes the cells of the one before, which then comes back from memory. */
async function measureHere(options: ReadBenchOptions, folder: string, asked: Record<Place, Asked[]>): Promise<GenerateJob[]> {
  const { engine, generator } = await openGenerator(options, folder);
  try {
    const words = await singleTokenWords(generator.tokenizer);
    const shape = { jobs: 1, prefixTokens: options.passageTokens, questionTokens, maxTokens };
    const passages: GenerateJob[] = [];
    for (let run = 0; run <= options.runs; run++)
      passages.push(...(await sharedPrefixJobs(generator.tokenizer, words, { ...shape, seed: run + 1 })));
    // What the first steps of a process cost is nobody's: one passage is read that does not count.
    await ask(generator, passages.at(-1)!, options.signal);
    for (const [run, passage] of passages.slice(0, -1).entries()) {
      options.progress(`passage ${run + 1} of ${options.runs}`);
      asked.cold.push(await ask(generator, passage, options.signal));
      asked['in the KV cache'].push(await ask(generator, passage, options.signal));
      await ask(generator, passages[run === 0 ? options.runs : run - 1]!, options.signal);
      asked['from memory'].push(await ask(generator, passage, options.signal));
    }
    return passages;
  } finally {
    await engine.close();
  }
}

async function measureAnew(
  options: ReadBenchOptions,
  folder: string,
  passages: readonly GenerateJob[],
  asked: Record<Place, Asked[]>,
): Promise<void> {
  const { engine, generator } = await openGenerator(options, folder);
  try {
    await ask(generator, passages.at(-1)!, options.signal);
    for (const passage of passages.slice(0, -1)) asked['from disk, new process'].push(await ask(generator, passage, options.signal));
  } finally {
    await engine.close();
  }
}

async function openGenerator(
  options: ReadBenchOptions,
  folder: string,
): Promise<{ readonly engine: Engine; readonly generator: Generator }> {
  const { model, threads, kvMode, home, passageTokens } = options;
  const engine = await openEngine({
    generator: model,
    threads,
    kvMode,
    sequences: 1,
    kvTokens: 2 * (passageTokens + 256),
    prefixes: { folder, memoryBytes: 1e9, diskBytes: 10e9 },
    ...(home === undefined ? {} : { home }),
  });
  if (engine.generator?.prefixes === undefined) throw new Error(`Nothing that ${model} reads can be kept.`);
  return { engine, generator: engine.generator };
}

async function ask(generator: Generator, { prompt }: GenerateJob, signal: AbortSignal): Promise<Asked> {
  const prefix = { prefixKey: prompt.messages[0]!.parts[0]!, prefixParts: 1 };
  const startedAt = performance.now();
  let firstTokenMs: number | undefined;
  const request = { prompt, maxTokens, sampling: greedy, stop: [], deliver: 'stream' as const, ...prefix };
  for await (const part of generator.generate(request, { class: 'interactive', signal })) {
    if (part.type === 'text') firstTokenMs ??= performance.now() - startedAt;
    if (part.type !== 'final') continue;
    const { restoreMs, promptTokens, cachedTokens } = part.usage;
    return {
      firstTokenMs: firstTokenMs ?? performance.now() - startedAt,
      restoreMs,
      computedTokens: promptTokens - cachedTokens,
      tokens: part.tokens,
    };
  }
  throw new Error('A generation ended without its final part.');
}

async function sizes(folder: string): Promise<number[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.kv'));
  return Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
}

function settingsOf({ model, threads, runs, passageTokens, kvMode }: ReadBenchOptions): ReadResult['settings'] {
  return { model, threads, runs, passageTokens, questionTokens, kvMode, sequences: 1 };
}

function reportOf({ version, machine, settings, bytesOfPassage, sameAnswers, places: figures }: ReadResult): string {
  const range = ({ median, minimum, maximum }: Summary, digits = 0): string =>
    `${median.toFixed(digits)} (${minimum.toFixed(digits)}–${maximum.toFixed(digits)})`;
  const rows = figures.map(({ place, firstTokenMs, ratio, restoreMs, computedTokens }) => [
    place,
    range(firstTokenMs),
    range(ratio, 3),
    range(restoreMs, 1),
    range(computedTokens),
  ]);
  const list = (values: Readonly<Record<string, string | number>>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  return [
    `millrace ${version}; ${list(settings)}`,
    list(machine),
    '',
    alignColumns([['passage', 'first token ms', 'of cold', 'restore ms', 'computed tokens'], ...rows]),
    '',
    `${(bytesOfPassage.median / 1e6).toFixed(1)} MB a passage; same answer wherever it came from: ${sameAnswers.same} of ${sameAnswers.of}`,
    '',
  ].join('\n');
}
