import { MillraceError } from '../errors.ts';
import type { Generator } from '../spec/engine.ts';
import type { FoundPrefix } from '../spec/prefixes.ts';
import type { Scheduler } from '../spec/work.ts';
import { type AnswerPrompt, prefixKey as prefixKeyOf } from './prompt.ts';

export interface UnreadPassage {
  readonly prompt: AnswerPrompt;
  readonly found: FoundPrefix;
}

/** True when a prefix need not be read: it is where it outlives the process, or, where nothing does, in memory. */
export function isKept(generator: Generator, found: FoundPrefix): boolean {
  return (generator.prefixes?.limits.diskBytes ?? 0) > 0 ? found.onDisk : found.inMemory;
}

/** Computes a prefix and has it kept, in class `background`. @throws MillraceError E_PREFIX_NOT_KEPT when it is not kept afterwards */
export async function readPassage(
  scheduler: Scheduler,
  generator: Generator,
  { prompt, found }: UnreadPassage,
  signal: AbortSignal,
): Promise<{ readonly computedTokens: number; readonly prefillMs: number }> {
  const prefixKey = prefixKeyOf(generator.model.hash, prompt);
  const lane = generator.lane ?? 'generate';
  const cost = {
    tokens: found.tokens,
    items: 1,
    kvTokens: found.promptTokens - found.tokens,
    prefixTokens: found.tokens,
    bytes: found.promptTokens * 8,
  };
  await scheduler.ready(lane, cost, signal);
  const handle = scheduler.submit({
    lane,
    class: 'background',
    input: {
      prompt: prompt.prompt,
      maxTokens: 0,
      sampling: { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 },
      stop: [],
      prefixKey,
      prefixParts: prompt.prefixParts,
      prefixOwners: prompt.prefixOwners,
      deliver: 'final',
    },
    cost,
    prefixKey,
    signal,
    deliver: 'final',
  });
  const { usage } = await handle.result();
  const [after] = await generator.prefixes!.find([prompt], signal);
  if (after === undefined || !isKept(generator, after)) {
    const problem = (await generator.prefixes!.counts())?.problem ?? null;
    throw new MillraceError('E_PREFIX_NOT_KEPT', problem ?? 'What was read is larger than the limit of what may be kept.');
  }
  return { computedTokens: found.tokens - usage.cachedTokens, prefillMs: usage.prefillMs };
}
