import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Mill, open, openEngine } from '../src/index.ts';
import { boundOfGain } from './bound.ts';
import { type Closing, closingAfter } from './closing.ts';
import type { GeneratingContestant } from './contestant.ts';
import { describeMachine } from './machine.ts';
import { type Entry, measureAlternating } from './measure.ts';
import { modelPath as pathOf } from './model-path.ts';
import { ourGenerator, ownVersion } from './our-engine.ts';
import { createJobs } from './question-jobs.ts';
import { type QuestionSet, type QuestionSetName, readQuestionSet } from './question-set.ts';
import { measureRates } from './rates.ts';
import { type BenchResult, heading, scenarioTable, type ScenarioResult } from './report.ts';
import { startGeneratingServer } from './rivals/llama-server.ts';
import { findNodeLlamaCpp, startNodeLlamaCpp } from './rivals/node-llama-cpp.ts';
import { tokensOfRun } from './scenarios.ts';
import { summarise } from './statistics.ts';

export interface QueriesBenchOptions {
  readonly data: string;
  readonly sets: readonly QuestionSetName[];
  readonly model: string;
  readonly threads: number;
  readonly runs: number;
  /** Questions of one run; each run takes the next ones. */
  readonly questions: number;
  readonly llamaServer?: string;
  readonly nodeLlamaCpp?: string;
  readonly home?: string;
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
  readonly progress: (text: string) => void;
}

/** Hits, tokens of the passages and of the answer, for each set; what the rivals get is made of the same hits. */
const shapes = {
  scifact: { limit: 3, contextTokens: 600, maxTokens: 48 },
  xquad: { limit: 3, contextTokens: 900, maxTokens: 32 },
} as const;
const atOnce = 8;
/** Cells of one sequence: the longest prompt, its answer and what stands around them. */
const sequenceTokens = 1_536;
const warmUpQuestions = 8;
const runTimeoutMs = 20 * 60_000;
const restMs = 1_000;

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
  for (const name of options.sets) {
    await closingAfter(async (stack) => {
      const { entries, introduced, bound } = await contest(stack, name, options);
      options.print(`${heading({ ...head, contestants: introduced })}\n\n`);
      contestants.push(...introduced);
      const measured = await measureAlternating(entries, {
        runs,
        runTimeoutMs,
        signal: options.signal,
        monotonicMs: () => performance.now(),
        rest: (during) => setTimeout(restMs, undefined, { signal: during }),
        onRun: (label, run) => options.progress(`${name}: run ${run + 1} of ${runs}, ${label}`),
      });
      const result = {
        name,
        title: titleOf(name, questions),
        compares: 'computed' as const,
        entries: measured,
        gain: await bound(measured),
      };
      results.push(result);
      options.print(`${scenarioTable(result)}\n${rateLines(result)}\n\n`);
    });
  }
  return { ...head, contestants, scenarios: results };
}

function titleOf(name: QuestionSetName, questions: number): string {
  const { limit, contextTokens, maxTokens } = shapes[name];
  return `${questions} questions of ${name}, ${limit} passages of at most ${contextTokens} tokens together, at most ${maxTokens} tokens out`;
}

/** Opens everything that takes part in a set and gives the lines of its table. */
async function contest(stack: Closing, name: QuestionSetName, options: QueriesBenchOptions) {
  const { model, threads, signal, home } = options;
  const shape = shapes[name];
  const set = await readQuestionSet(name, options.data);
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const mill = stack.use(
    await open({
      directory: join(folder, name),
      generator: model,
      threads,
      sequences: atOnce,
      kvTokens: atOnce * sequenceTokens,
      ...(home === undefined ? {} : { home }),
    }),
  );
  options.progress(`ingesting ${set.documents.length} documents of ${name}`);
  await mill.ingest(set.documents, { embed: false, signal }).result();

  const engine = stack.use(
    await openEngine({
      generator: model,
      threads,
      sequences: atOnce,
      kvTokens: atOnce * sequenceTokens,
      ...(home === undefined ? {} : { home }),
    }),
  );
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
    ask(`askMany, ${atOnce} at once, no record`, atOnce, false),
    ask('askMany, one at a time', 1, true),
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

function sliceOf({ questions }: QuestionSet, run: number, count: number): readonly string[] {
  if (run < 0) return questions.slice(-warmUpQuestions);
  return Array.from({ length: count }, (_, index) => questions[(run * count + index) % (questions.length - warmUpQuestions)]!);
}

async function askAll(
  mill: Mill,
  questions: readonly string[],
  options: {
    readonly limit: number;
    readonly contextTokens: number;
    readonly maxTokens: number;
    readonly concurrency: number;
    readonly durable: boolean;
  },
  signal: AbortSignal,
) {
  const usages: { promptTokens: number; cachedTokens: number; outputTokens: number }[] = [];
  for await (const event of mill.askMany(questions, { ...options, mode: 'text', cache: false, signal })) {
    if (event.type !== 'item-settled') continue;
    if (event.item.usage === null) throw new Error(`A question failed: ${event.item.error?.message ?? event.item.status}`);
    usages.push(event.item.usage);
  }
  return tokensOfRun(usages);
}

function rateLines({ entries }: ScenarioResult): string {
  const lines = entries.map(({ label, runs }) => {
    const tokens = mean(runs.map((run) => run.effectiveTokens - run.outputTokens));
    const seconds = summarise(runs.map((run) => run.elapsedMs / 1_000));
    return `  ${label}: ${seconds.median.toFixed(1)} s a run (${seconds.minimum.toFixed(1)}–${seconds.maximum.toFixed(1)}), ${tokens.toFixed(0)} prompt tokens and ${mean(runs.map((run) => run.outputTokens)).toFixed(0)} of answers`;
  });
  return lines.join('\n');
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
