import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mill, open, openEngine, type Pipeline } from '../src/index.ts';
import { boundOfGain } from './bound.ts';
import { type Closing, closingAfter } from './closing.ts';
import type { GeneratingContestant } from './contestant.ts';
import { describeMachine } from './machine.ts';
import { type Entry, measureScenario } from './measure.ts';
import { modelPath as pathOf } from './model-path.ts';
import { ourGenerator, ownVersion } from './our-engine.ts';
import type { Reporting } from './output.ts';
import { createJobs } from './question-jobs.ts';
import { type QuestionSet, type QuestionSetName, readQuestionSet } from './question-set.ts';
import { measureRates } from './rates.ts';
import { type BenchResult, heading, scenarioTable, type ScenarioResult } from './report.ts';
import { startGeneratingServer } from './rivals/llama-server.ts';
import { findNodeLlamaCpp, startNodeLlamaCpp } from './rivals/node-llama-cpp.ts';
import { tokensOfRun } from './scenarios.ts';
import { pairedRatio, summarise } from './statistics.ts';

export interface QueriesBenchOptions extends Reporting {
  readonly data: string;
  readonly scenarios: readonly QueriesScenario[];
  readonly model: string;
  readonly threads: number;
  readonly runs: number;
  /** Questions of one run; each run takes the next ones. */
  readonly questions: number;
  readonly llamaServer?: string;
  readonly nodeLlamaCpp?: string;
  readonly home?: string;
}

export const scenarioNames = ['scifact', 'xquad', 'xquad-read'] as const;
export type QueriesScenario = (typeof scenarioNames)[number];

/**
 * Hits, tokens of the passages and of the answer; what the rivals get is made of the same hits. With `read` an earlier engine has read the
 * passages, and each is asked by itself; the rivals get them together, as always.
 */
const shapes: Readonly<Record<QueriesScenario, Shape>> = {
  scifact: { set: 'scifact', limit: 3, contextTokens: 600, maxTokens: 48, read: false },
  xquad: { set: 'xquad', limit: 3, contextTokens: 900, maxTokens: 32, read: false },
  'xquad-read': { set: 'xquad', limit: 3, contextTokens: 900, maxTokens: 32, read: true },
};

interface Shape {
  readonly set: QuestionSetName;
  readonly limit: number;
  readonly contextTokens: number;
  readonly maxTokens: number;
  readonly read: boolean;
}
const atOnce = 8;
/** Cells of one sequence: the longest prompt, its answer and what stands around them. */
const sequenceTokens = 1_536;
const warmUpQuestions = 8;

/** Questions over documents, end to end: retrieval, prompt, generation, checked citations, the durable run. */
export async function runQueriesBench(options: QueriesBenchOptions): Promise<BenchResult> {
  const { model, threads, runs, questions } = options;
  const head = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    settings: { model, threads, runs, 'questions a run': questions, 'at once': atOnce, retrieval: 'text' },
  };
  const contestants: BenchResult['contestants'][number][] = [];
  const results: ScenarioResult[] = [];
  for (const name of options.scenarios) {
    if (options.signal.aborted) break;
    await closingAfter(async (stack) => {
      const { entries, introduced, bound } = await contest(stack, name, options);
      options.print(`${heading({ ...head, contestants: introduced })}\n\n`);
      contestants.push(...introduced);
      const measured = await measureScenario(name, entries, options);
      if (measured.length === 0) return;
      const result = {
        name,
        title: titleOf(name, questions),
        compares: 'computed' as const,
        entries: measured,
        ...(shapes[name].read || options.signal.aborted ? {} : { gain: await bound(measured) }),
      };
      results.push(result);
      options.print(`${scenarioTable(result)}\n${rateLines(result)}\n\n`);
    });
  }
  return { ...head, contestants, scenarios: results };
}

function titleOf(name: QueriesScenario, questions: number): string {
  const { set, limit, contextTokens, maxTokens, read } = shapes[name];
  const passages = read
    ? `up to ${limit} passages read before, asked one after the other`
    : `${limit} passages of at most ${contextTokens} tokens together`;
  return `${questions} questions of ${set}, ${passages}, at most ${maxTokens} tokens out`;
}

/** Opens everything that takes part in a scenario and gives the lines of its table. */
async function contest(stack: Closing, name: QueriesScenario, options: QueriesBenchOptions) {
  const { model, threads, signal, home } = options;
  const shape = shapes[name];
  const set = await readQuestionSet(shape.set, options.data);
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const place = { ...(home === undefined ? {} : { home }), generator: model, threads };
  const openMill = (): Promise<Mill> =>
    open({
      ...place,
      directory: join(folder, name),
      // A place that is kept for questions comes on top of those of a run.
      sequences: atOnce + 1,
      kvTokens: (atOnce + 1) * sequenceTokens,
      idleReading: false,
      ...(shape.read ? {} : { prefixMemoryBytes: 0, prefixDiskBytes: 0 }),
    });
  options.progress(`ingesting ${set.documents.length} documents`);
  const asked = Array.from({ length: options.runs + 1 }, (_, run) => sliceOf(set, run - 1, options.questions)).flat();
  await ingestAndRead(openMill, set, shape, asked, options);
  const mill = stack.use(await openMill());
  const engine = stack.use(await openEngine({ ...place, sequences: atOnce, kvTokens: atOnce * sequenceTokens }));
  const { tokenizer } = engine.generator!;
  const jobs = createJobs(mill, tokenizer, shape);
  const rivals: GeneratingContestant[] = [];
  const takePart = (rival: GeneratingContestant): void => {
    stack.defer(() => rival.close());
    rivals.push(rival);
  };
  const modelPath = await pathOf(model, home);
  if (options.llamaServer !== undefined) {
    const kvTokens = atOnce * sequenceTokens;
    takePart(
      await startGeneratingServer({ path: options.llamaServer, modelPath, threads, slots: atOnce, kvTokens, extraFlags: [], signal }),
    );
  }
  const found = findNodeLlamaCpp(options.nodeLlamaCpp);
  if (found !== undefined) takePart(await startNodeLlamaCpp({ found, modelPath, threads, sequences: atOnce, sequenceTokens }));

  const slice = (run: number): readonly string[] => sliceOf(set, run, options.questions);
  const ask = (label: string, concurrency: number, durable: boolean): Entry => ({
    label,
    flags: '',
    prepare: (run) => Promise.resolve((during) => askAll(mill, slice(run), { ...shape, concurrency, durable }, during)),
  });
  const ours = ourGenerator(engine, engine.generator!, ownVersion(), 'split');
  const entries: Entry[] = [
    ask(`askMany, ${atOnce} at once`, atOnce, true),
    ...(shape.read ? [] : [ask(`askMany, ${atOnce} at once, no record`, atOnce, false), ask('askMany, one at a time', 1, true)]),
    ...rivals.map((rival): Entry => ({
      label: `${rival.name}, ${atOnce} at once`,
      flags: rival.flags,
      async prepare(run) {
        const load = {
          jobs: await jobs(slice(run)),
          reuse: rival.name === 'llama-server' ? rival.reuses[0] : undefined,
          prefixKey: `${run}`,
        };
        return async (during) => tokensOfRun(await rival.generate(load, during));
      },
    })),
  ];
  return {
    entries,
    introduced: [ours, ...rivals].map(({ name: title, version, flags }) => ({ name: title, version, flags })),
    /** What asking together can give at best, for the tokens that were really computed, and what it gave. */
    async bound(measured: ScenarioResult['entries']) {
      const rates = await measureRates(ours, tokenizer, atOnce, signal);
      const [together, , alone] = measured;
      const promptTokens = mean(together!.runs.map((run) => run.computedTokens - run.outputTokens));
      const outputTokens = mean(together!.runs.map((run) => run.outputTokens));
      const pace = ({ runs }: (typeof measured)[number]): number => summarise(runs.map((run) => run.computedTokens / run.elapsedMs)).median;
      return { rates, bound: boundOfGain(rates, promptTokens, outputTokens), measured: pace(together!) / pace(alone!) };
    },
  };
}

/** By an engine that is closed afterwards. */
async function ingestAndRead(
  openMill: () => Promise<Mill>,
  set: QuestionSet,
  shape: Shape,
  questions: readonly string[],
  { signal, progress }: QueriesBenchOptions,
): Promise<void> {
  const mill = await openMill();
  try {
    await mill.ingest(set.documents, { embed: false, signal }).result();
    if (!shape.read) return;
    const sources = new Set<string>();
    for (const question of questions) {
      const { hits } = await mill.search(question, { mode: 'text', limit: shape.limit });
      for (const { source } of hits) sources.add(source);
    }
    progress(`reading ${sources.size} documents`);
    await mill.read([...sources], { signal }).result();
  } finally {
    await mill.close();
  }
}

function sliceOf({ questions }: QuestionSet, run: number, count: number): readonly string[] {
  if (run < 0) return questions.slice(-warmUpQuestions);
  return Array.from({ length: count }, (_, index) => questions[(run * count + index) % (questions.length - warmUpQuestions)]!);
}

async function askAll(
  mill: Mill,
  questions: readonly string[],
  { limit, contextTokens, maxTokens, read, concurrency, durable }: Shape & { readonly concurrency: number; readonly durable: boolean },
  signal: AbortSignal,
) {
  const usages: { promptTokens: number; cachedTokens: number; outputTokens: number }[] = [];
  const pipeline: Pipeline = { context: { mode: read ? 'each' : 'joined' }, ...(read ? {} : { verify: { by: 'none' } }) };
  const asking = { pipeline, limit, contextTokens, maxTokens, mode: 'text', cache: false } as const;
  for await (const event of mill.askMany(questions, { ...asking, concurrency, durable, signal })) {
    if (event.type !== 'item-settled') continue;
    if (event.item.usage === null) throw new Error(`A question failed: ${event.item.error?.message ?? event.item.status}`);
    usages.push(event.item.usage);
  }
  return tokensOfRun(usages);
}

function rateLines({ entries }: ScenarioResult): string {
  const [ours] = entries;
  const lines = entries.map(({ label, runs }) => {
    const ratio = pairedRatio(
      runs.map((run) => run.elapsedMs),
      ours!.runs.map((run) => run.elapsedMs),
    );
    const tokens = mean(runs.map((run) => run.effectiveTokens - run.outputTokens));
    const seconds = summarise(runs.map((run) => run.elapsedMs / 1_000));
    return `  ${label}: ${seconds.median.toFixed(1)} s a run (${seconds.minimum.toFixed(1)}–${seconds.maximum.toFixed(1)}), ${tokens.toFixed(0)} prompt tokens and ${mean(runs.map((run) => run.outputTokens)).toFixed(0)} of answers, ${ratio.median.toFixed(2)}x our time`;
  });
  return lines.join('\n');
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
