import { isMillraceError } from '../errors.ts';
import type { Generator } from '../spec/engine.ts';
import type { ChunkId } from '../spec/identifiers.ts';
import type { StoreReader } from '../spec/store.ts';
import type { Scheduler } from '../spec/work.ts';
import { passageOf, passagePrompt, promptFamilyOf } from './prompt.ts';
import { isKept, readPassage } from './read-passage.ts';

/** Passages that are counted; beyond it all counts are halved, and what falls to nothing is forgotten. */
const maxCounted = 1_000;
/** Passages that are looked at in one idle time, those asked about most. */
const mostAsked = 64;
/** Hits of a question that count, from the first. */
const countedHits = 4;

export interface IdleReadingParts {
  readonly store: Pick<StoreReader, 'readChunks'>;
  readonly scheduler: Scheduler;
  /** The generator, if it is loaded. */
  generator(): Promise<Generator | undefined>;
  /** Resolves at the next idle time; rejects when there will be none. */
  idle(): Promise<{ readonly signal: AbortSignal }>;
}

/** Which passages questions are about, and reading them while nobody wants anything else. */
export interface IdleReading {
  asked(hits: readonly { readonly chunk: number }[]): void;
  /** Resolves when `idle` has rejected and nothing is being read. */
  readonly ended: Promise<void>;
}

export function readWhenIdle(parts: IdleReadingParts): IdleReading {
  const counts = new Map<ChunkId, number>();
  let stopped = false;

  async function run(): Promise<void> {
    while (!stopped) {
      const period = await parts.idle().catch(() => undefined);
      if (period === undefined) return;
      await readMostAsked(period.signal).catch((error: unknown) => {
        // Somebody wants the machine: the next idle time goes on. What cannot be kept now will not be kept later in this process.
        stopped = !period.signal.aborted || (isMillraceError(error) && error.code === 'E_PREFIX_NOT_KEPT');
      });
    }
  }

  async function readMostAsked(signal: AbortSignal): Promise<void> {
    const generator = await parts.generator();
    if (generator?.prefixes === undefined) return;
    const ids = [...counts].sort((a, b) => b[1] - a[1]).slice(0, mostAsked);
    const chunks = await parts.store.readChunks(ids.map(([id]) => id));
    const prompts = chunks.map((chunk) => passagePrompt('', passageOf(chunk), promptFamilyOf(generator.model.id)));
    const found = await generator.prefixes.find(prompts, signal);
    for (const [index, prompt] of prompts.entries()) {
      const state = found[index];
      if (state === undefined || isKept(generator, state) || state.promptTokens > generator.model.maxSequenceTokens) continue;
      await readPassage(parts.scheduler, generator, { prompt, found: state }, signal);
    }
  }

  return {
    asked(hits) {
      for (const { chunk } of hits.slice(0, countedHits)) counts.set(chunk as ChunkId, (counts.get(chunk as ChunkId) ?? 0) + 1);
      if (counts.size <= maxCounted) return;
      for (const [id, count] of counts) {
        if (count < 2) counts.delete(id);
        else counts.set(id, Math.floor(count / 2));
      }
    },
    ended: run(),
  };
}
