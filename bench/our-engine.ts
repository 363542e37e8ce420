import { readFileSync } from 'node:fs';
import type { Embedder, Engine, Generator, KvMode } from '../src/index.ts';
import type { EmbeddingContestant, GenerateJob, GenerateLoad, GeneratingContestant, JobUsage } from './contestant.ts';

const greedy = { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 };
/** Calls in flight: one computes, one is prepared. */
const embedCalls = 2;

/** Closing the contestant closes nothing: the engine belongs to the caller. */
export function ourGenerator(engine: Engine, generator: Generator, version: string, kvMode: KvMode): GeneratingContestant {
  const { sequences, kvTokens } = generator.capacity();

  /** `onPrefix` is called when the shared prefix is computed, or the request ended without. */
  async function one(job: GenerateJob, prefixKey: string | undefined, signal: AbortSignal, onPrefix?: () => void): Promise<JobUsage> {
    const request = {
      prompt: job.prompt,
      maxTokens: job.maxTokens,
      sampling: greedy,
      stop: [],
      deliver: 'final' as const,
      ignoreEnd: job.endsItself !== true,
    };
    const prefix = prefixKey === undefined ? {} : { prefixKey, prefixParts: 1 };
    try {
      for await (const part of generator.generate({ ...request, ...prefix }, { class: 'batch', signal })) {
        if (part.type === 'prefix-ready') onPrefix?.();
        if (part.type === 'final') return part.usage;
      }
    } finally {
      onPrefix?.();
    }
    throw new Error('A generation ended without its final part.');
  }

  return {
    name: kvMode === 'split' ? 'millrace' : 'millrace, unified KV',
    version,
    flags: `${sequences} sequences, ${kvTokens} cells, ${kvMode} KV`,
    reuses: ['shared prefix'],
    async generate({ jobs, reuse, prefixKey }: GenerateLoad, signal) {
      const [leader, ...twins] = jobs;
      if (reuse === undefined || leader === undefined) return Promise.all(jobs.map((job) => one(job, undefined, signal)));
      // What the scheduler does: the first computes the prefix, the others start when it is ready.
      const ready = Promise.withResolvers<void>();
      const leading = one(leader, prefixKey, signal, ready.resolve);
      const following = ready.promise.then(() => Promise.all(twins.map((job) => one(job, prefixKey, signal))));
      const [first, rest] = await Promise.all([leading, following]);
      return [first, ...rest];
    },
    loopTimes: () => engine.statistics(),
    close: () => Promise.resolve(),
  };
}

export function ourEmbedder(engine: Engine, embedder: Embedder, version: string): EmbeddingContestant {
  return {
    name: 'millrace',
    version,
    flags: `${embedder.limits.batchItems} texts a call`,
    modes: ['batched', 'one by one'],
    async embed(texts, mode, signal) {
      const options = { class: 'batch', signal } as const;
      const size = mode === 'batched' ? embedder.limits.batchItems : 1;
      const starts = Array.from({ length: Math.ceil(texts.length / size) }, (_, index) => index * size).values();
      const worker = async (): Promise<void> => {
        for (const start of starts) await embedder.embed(texts.slice(start, start + size), 'passage', options);
      };
      await Promise.all(Array.from({ length: mode === 'batched' ? embedCalls : 1 }, worker));
    },
    loopTimes: () => engine.statistics(),
    close: () => Promise.resolve(),
  };
}

/** Ours, with that of the libraries. */
export function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  return `${manifest.version} (@node-llama-cpp ${Object.values(manifest.optionalDependencies)[0] ?? 'unknown'})`;
}
