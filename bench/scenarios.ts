import type { Tokenizer } from '../src/index.ts';
import type { EmbeddingContestant, GenerateLoad, GeneratingContestant, JobUsage } from './contestant.ts';
import type { Entry } from './measure.ts';
import { exactJob, sharedPrefixJobs, singleTokenWords, textsOf } from './workload.ts';

/** A load and the entries that are measured on it; the first entry is ours, and the ratios are taken to it. */
export interface Scenario {
  readonly name: ScenarioName;
  readonly title: string;
  /** What the ratios compare: computed tokens, or effective ones where reuse is the point. */
  readonly compares: 'computed' | 'effective';
  readonly entries: readonly Entry[];
  /** Requests at the same time, where the bound of the gain by batching applies. */
  readonly parallel?: number;
}

export const parallelCounts = [1, 4, 8, 16] as const;
export const scenarioNames = [
  'parallel-1',
  'parallel-4',
  'parallel-8',
  'parallel-16',
  'shared-prefix',
  'embed-short',
  'embed-long',
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export const promptTokens = 256;
export const outputTokens = 64;
const shared = { jobs: 8, prefixTokens: 512, questionTokens: 32, maxTokens: 32 };
const shortTexts = { from: 16, to: 64 };
/** With the two special tokens of a BERT model it fills 256. */
const longTextTokens = 254;
/** Loads of other runs begin at other seeds. */
const seedsPerRun = 100;

export function isGenerating(name: ScenarioName): boolean {
  return !name.startsWith('embed');
}

/** `parallel` requests of 256 tokens, each with its own prompt, 64 tokens out, nothing shared. */
export async function parallelScenario(
  contestants: readonly GeneratingContestant[],
  tokenizer: Tokenizer,
  parallel: (typeof parallelCounts)[number],
): Promise<Scenario> {
  const words = await singleTokenWords(tokenizer);
  const jobs = await Promise.all(
    Array.from({ length: parallel }, (_, seed) => exactJob(tokenizer, words, { promptTokens, maxTokens: outputTokens, seed: seed + 1 })),
  );
  return {
    name: `parallel-${parallel}`,
    title: `${parallel} request${parallel === 1 ? '' : 's at once'}, ${promptTokens} tokens in, ${outputTokens} out`,
    compares: 'computed',
    parallel,
    entries: contestants.map((contestant) => generateEntry(contestant, contestant.name, undefined, () => Promise.resolve(jobs))),
  };
}

/** Eight questions over one prefix: ours with reuse and without, the others in each way they have. A new prefix in each run. */
export async function sharedPrefixScenario(contestants: readonly GeneratingContestant[], tokenizer: Tokenizer): Promise<Scenario> {
  const words = await singleTokenWords(tokenizer);
  // Every entry gets a prefix of its own in every run: what one left in a cache helps nobody.
  const entries = contestants.flatMap((contestant) => [...contestant.reuses, undefined].map((reuse) => ({ contestant, reuse })));
  return {
    name: 'shared-prefix',
    title: `${shared.jobs} questions of ${shared.questionTokens} tokens over a prefix of ${shared.prefixTokens}, ${shared.maxTokens} out`,
    compares: 'effective',
    entries: entries.map(({ contestant, reuse }, index) =>
      generateEntry(contestant, `${contestant.name}, ${reuse ?? 'without reuse'}`, reuse, (run) =>
        sharedPrefixJobs(tokenizer, words, { ...shared, seed: (run + 2) * seedsPerRun + index }),
      ),
    ),
  };
}

export async function embedScenario(
  contestants: readonly EmbeddingContestant[],
  tokenizer: Tokenizer,
  options: { readonly name: 'embed-short' | 'embed-long'; readonly texts: number },
): Promise<Scenario> {
  const lengths = options.name === 'embed-short' ? shortTexts : { from: longTextTokens, to: longTextTokens };
  const { texts, tokens } = await textsOf(tokenizer, { ...lengths, count: options.texts, seed: 7 });
  const title =
    options.name === 'embed-short'
      ? `embedding of ${texts.length} texts of ${lengths.from} to ${lengths.to} tokens`
      : `embedding of ${texts.length} chunks of 256 tokens`;
  const entries = contestants.flatMap((contestant) =>
    contestant.modes.map((mode): Entry => ({
      label: contestant.modes.length > 1 ? `${contestant.name}, ${mode}` : contestant.name,
      flags: contestant.flags,
      prepare: () =>
        Promise.resolve(async (signal) => {
          await contestant.embed(texts, mode, signal);
          return { computedTokens: tokens, effectiveTokens: tokens, outputTokens: 0 };
        }),
      ...(contestant.loopTimes === undefined ? {} : { loopTimes: contestant.loopTimes }),
    })),
  );
  return { name: options.name, title, compares: 'computed', entries };
}

function generateEntry(
  contestant: GeneratingContestant,
  label: string,
  reuse: string | undefined,
  jobsOf: (run: number) => Promise<GenerateLoad['jobs']>,
): Entry {
  return {
    label,
    flags: contestant.flags,
    async prepare(run) {
      const load: GenerateLoad = { jobs: await jobsOf(run), reuse, prefixKey: `${contestant.name}-${run}` };
      return async (signal) => tokensOfRun(await contestant.generate(load, signal));
    },
    ...(contestant.loopTimes === undefined ? {} : { loopTimes: contestant.loopTimes }),
  };
}

export function tokensOfRun(usages: readonly JobUsage[]): { computedTokens: number; effectiveTokens: number; outputTokens: number } {
  const sum = (pick: (usage: JobUsage) => number): number => usages.reduce((total, usage) => total + pick(usage), 0);
  const output = sum((usage) => usage.outputTokens);
  const effectiveTokens = sum((usage) => usage.promptTokens) + output;
  return { computedTokens: effectiveTokens - sum((usage) => usage.cachedTokens), effectiveTokens, outputTokens: output };
}
