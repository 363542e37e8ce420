import { type KvMode, openEngine } from '../src/index.ts';
import { boundOfGain } from './bound.ts';
import { type Closing, closingAfter } from './closing.ts';
import type { EmbeddingContestant, GeneratingContestant } from './contestant.ts';
import { describeMachine } from './machine.ts';
import { measureScenario } from './measure.ts';
import { modelPath as pathOf } from './model-path.ts';
import { ourEmbedder, ourGenerator, ownVersion } from './our-engine.ts';
import type { Reporting } from './output.ts';
import { measureRates } from './rates.ts';
import { heading, scenarioTable, type BenchResult, type ScenarioResult } from './report.ts';
import { startEmbeddingServer, startGeneratingServer } from './rivals/llama-server.ts';
import { findNodeLlamaCpp, startNodeLlamaCpp, startNodeLlamaCppEmbedder } from './rivals/node-llama-cpp.ts';
import { summarise } from './statistics.ts';
import * as scenarios from './scenarios.ts';

export interface EngineBenchOptions extends Reporting {
  readonly model: string;
  readonly embedder: string;
  readonly threads: number;
  readonly runs: number;
  /** Fewer texts to embed. */
  readonly quick: boolean;
  readonly scenarios: readonly scenarios.ScenarioName[];
  readonly llamaServer?: string;
  readonly llamaServerFlags: readonly string[];
  readonly nodeLlamaCpp?: string;
  readonly home?: string;
}

const sequences = Math.max(...scenarios.parallelCounts);
/** Cells of one sequence: the longest load has 512 + 32 tokens, the template around them and 32 of answer. */
const sequenceTokens = 1024;

/** Measures our engine beside the rivals that were named or found. Whatever was started is ended, also after a failure. */
export async function runEngineBench(options: EngineBenchOptions): Promise<BenchResult> {
  const head = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    settings: { model: options.model, embedder: options.embedder, threads: options.threads, runs: options.runs },
  };
  const used: BenchResult['contestants'][number][] = [];
  const results: ScenarioResult[] = [];
  const introduce = (contestants: readonly (GeneratingContestant | EmbeddingContestant)[]): void => {
    const added = contestants.map(({ name, version, flags }) => ({ name, version, flags }));
    options.print(`${heading({ ...head, contestants: added })}\n\n`);
    used.push(...added);
  };
  if (options.scenarios.some(scenarios.isGenerating)) await closingAfter((stack) => generating(stack, options, introduce, results));
  if (!options.signal.aborted && !options.scenarios.every(scenarios.isGenerating))
    await closingAfter((stack) => embedding(stack, options, introduce, results));
  return { ...head, contestants: used, scenarios: results };
}

type Introduce = (contestants: readonly (GeneratingContestant | EmbeddingContestant)[]) => void;

async function generating(stack: Closing, options: EngineBenchOptions, introduce: Introduce, results: ScenarioResult[]): Promise<void> {
  const { threads, signal } = options;
  const modelPath = await pathOf(options.model, options.home);
  options.progress(`loading ${options.model}`);
  const open = async (kvMode: KvMode) => {
    const engine = stack.use(
      await openEngine({ generator: options.model, threads, sequences, kvTokens: sequences * sequenceTokens, kvMode, ...homeOf(options) }),
    );
    return { tokenizer: engine.generator!.tokenizer, contestant: ourGenerator(engine, engine.generator!, ownVersion(), kvMode) };
  };
  const { tokenizer, contestant: ours } = await open('split');
  const contestants: GeneratingContestant[] = [ours];
  const join = (contestant: GeneratingContestant): void => {
    stack.defer(() => contestant.close());
    contestants.push(contestant);
  };
  if (options.llamaServer !== undefined) {
    const flags = {
      path: options.llamaServer,
      extraFlags: options.llamaServerFlags,
      slots: sequences,
      kvTokens: sequences * sequenceTokens,
    };
    join(await startGeneratingServer({ ...flags, modelPath, threads, signal }));
  }
  const found = findNodeLlamaCpp(options.nodeLlamaCpp);
  if (found !== undefined) join(await startNodeLlamaCpp({ found, modelPath, threads, sequences, sequenceTokens }));
  // Where prefixes are shared, ours is measured with either kind of cells; the faster one stands first.
  const unified = options.scenarios.includes('shared-prefix') ? [(await open('unified')).contestant] : [];
  introduce([...contestants, ...unified]);

  let aloneRate: number | undefined;
  for (const name of options.scenarios.filter(scenarios.isGenerating)) {
    const parallel = scenarios.parallelCounts.find((count) => name === `parallel-${count}`);
    const scenario =
      parallel === undefined
        ? await scenarios.sharedPrefixScenario([...unified, ...contestants], tokenizer)
        : await scenarios.parallelScenario(contestants, tokenizer, parallel);
    let result = await measured(scenario, options);
    if (result.entries.length === 0) return;
    if (parallel !== undefined && !signal.aborted) {
      const rate = summarise(result.entries[0]!.runs.map((run) => run.computedTokens / run.elapsedMs)).median;
      if (parallel === 1) aloneRate = rate;
      else {
        const rates = await measureRates(ours, tokenizer, parallel, signal);
        const bound = boundOfGain(rates, scenarios.promptTokens, scenarios.outputTokens);
        result = { ...result, gain: { bound, measured: aloneRate === undefined ? undefined : rate / aloneRate, rates } };
      }
    }
    results.push(result);
    options.print(`${scenarioTable(result)}\n\n`);
  }
}

async function embedding(stack: Closing, options: EngineBenchOptions, introduce: Introduce, results: ScenarioResult[]): Promise<void> {
  const { threads, signal } = options;
  const modelPath = await pathOf(options.embedder, options.home);
  options.progress(`loading ${options.embedder}`);
  const engine = stack.use(await openEngine({ embedder: options.embedder, threads, ...homeOf(options) }));
  const embedder = engine.embedder!;
  const contestants: EmbeddingContestant[] = [ourEmbedder(engine, embedder, ownVersion())];
  const join = (contestant: EmbeddingContestant): void => {
    stack.defer(() => contestant.close());
    contestants.push(contestant);
  };
  if (options.llamaServer !== undefined) {
    join(await startEmbeddingServer({ path: options.llamaServer, extraFlags: options.llamaServerFlags, modelPath, threads, signal }));
  }
  const found = findNodeLlamaCpp(options.nodeLlamaCpp);
  if (found !== undefined) join(await startNodeLlamaCppEmbedder({ found, modelPath, threads }));
  introduce(contestants);
  for (const name of ['embed-short', 'embed-long'] as const) {
    if (!options.scenarios.includes(name)) continue;
    const texts = name === 'embed-short' ? (options.quick ? 200 : 1000) : options.quick ? 30 : 100;
    const result = await measured(await scenarios.embedScenario(contestants, embedder.tokenizer, { name, texts }), options);
    if (result.entries.length === 0) return;
    results.push(result);
    options.print(`${scenarioTable(result)}\n\n`);
  }
}

async function measured(scenario: scenarios.Scenario, options: EngineBenchOptions): Promise<ScenarioResult> {
  const entries = await measureScenario(scenario.name, scenario.entries, options);
  return { name: scenario.name, title: scenario.title, compares: scenario.compares, entries };
}

const homeOf = ({ home }: EngineBenchOptions): Pick<Parameters<typeof openEngine>[0], 'home'> => (home === undefined ? {} : { home });
