import type { WorkClass } from '../../../spec/engine.ts';

/** A running generation as the planner sees it. */
export interface ActiveSequence {
  readonly sequence: number;
  readonly class: WorkClass;
  /** Order of arrival; smaller is older. */
  readonly arrival: number;
  /** Tokens in the KV cache. */
  readonly computed: number;
  /** Tokens known so far: the prompt, then the prompt and what was generated. Always > `computed`. */
  readonly wanted: number;
  /** Where the next chunk has to end at the latest: the end of a prefix that others will begin with, else `wanted`. */
  readonly boundary: number;
  /** True once its prompt was computed: it needs one token a step. */
  readonly decoding: boolean;
}

export interface StepLimits {
  /** Tokens of one native call. */
  readonly batchTokens: number;
  /** Prompt tokens that fit the time of this step. */
  readonly promptTokens: number;
  /** Number of the step. */
  readonly step: number;
}

/** Tokens [start, start + count) of a sequence; `output` when the last of them is the last known one, so that a token is sampled. */
export interface Chunk {
  readonly sequence: number;
  readonly start: number;
  readonly count: number;
  readonly output: boolean;
}

/** A prompt advances by at least this many tokens in each step, however slow the machine. */
export const minimumPromptTokens = 8;

const classOrder: Record<WorkClass, number> = { interactive: 0, batch: 1, background: 2 };

/** By class, then age. */
export function byClaim(a: { class: WorkClass; arrival: number }, b: { class: WorkClass; arrival: number }): number {
  return classOrder[a.class] - classOrder[b.class] || a.arrival - b.arrival;
}

/** One step in so many takes prompts by age, so that short ones that go on arriving never keep a long one waiting for good. */
export const oldestFirstInterval = 4;

/**
 * What the next decode computes, in ascending sequence id. There are no prefill and decode phases: each sequence has computed and
 * wanted tokens, and a step lets them catch up. Decodes get their token first; the rest of the budget goes to prompts, one after the other:
 * by class, then the one that has the least left (shortest remaining processing time first: most answers begin soonest, a prefix that
 * others wait for is not held up by the next one, and chunks are long, which is faster). What is left over goes to a prompt that it
 * completes, or that gets at least half of the budget: prompts that share a step attend over each other's cells, which costs time.
 */
export function plan(active: readonly ActiveSequence[], limits: StepLimits): Chunk[] {
  const decodes = active.filter((item) => item.decoding).sort((a, b) => a.sequence - b.sequence);
  const chunks = decodes.slice(0, limits.batchTokens).map((item) => chunkOf(item, 1));
  const order = limits.step % oldestFirstInterval === 0 ? byClaim : byShortest;
  const budget = Math.min(limits.batchTokens - chunks.length, Math.max(minimumPromptTokens, limits.promptTokens));
  const half = Math.max(minimumPromptTokens, Math.ceil(budget / 2));
  let left = budget;
  for (const [index, item] of active
    .filter(({ decoding }) => !decoding)
    .sort(order)
    .entries()) {
    const rest = restOf(item);
    if (left <= 0 || (index > 0 && rest > left && left < half)) continue;
    const count = Math.min(left, rest);
    chunks.push(chunkOf(item, count));
    left -= count;
  }
  return chunks.sort((a, b) => a.sequence - b.sequence);
}

function restOf({ boundary, computed }: ActiveSequence): number {
  return boundary - computed;
}

function byShortest(a: ActiveSequence, b: ActiveSequence): number {
  return classOrder[a.class] - classOrder[b.class] || restOf(a) - restOf(b) || a.arrival - b.arrival;
}

/** One step in so many is for all while the prompt of a question is computed. */
export const sharedStepInterval = 4;

/**
 * Who takes part in a step. A question's first token waits for its whole prompt, and every token of others in a step makes that longer;
 * what others lose meanwhile they have afterwards. So while an interactive prompt is computed three steps of four are for interactive
 * work alone, and the fourth is for all, so that nobody stands still.
 */
export function takePart<Sequence extends Pick<ActiveSequence, 'class' | 'decoding'>>(
  active: readonly Sequence[],
  step: number,
): readonly Sequence[] {
  const isUrgent = active.some((item) => item.class === 'interactive' && !item.decoding);
  return isUrgent && step % sharedStepInterval !== 0 ? active.filter((item) => item.class === 'interactive') : active;
}

/**
 * Whether the step is a short one. A question that is answered waits for each step to get its next token, and one whose prompt is computed
 * for those that it shares with others; its own steps are long ones, because short ones compute a prompt more slowly.
 *
 * @param active all that run; @param participants those in this step
 */
export function isShortStep(
  active: readonly Pick<ActiveSequence, 'class' | 'decoding'>[],
  participants: readonly Pick<ActiveSequence, 'class'>[],
): boolean {
  const interactive = active.filter((item) => item.class === 'interactive');
  if (interactive.some(({ decoding }) => decoding)) return true;
  return interactive.length > 0 && participants.some((item) => item.class !== 'interactive');
}

function chunkOf(item: ActiveSequence, count: number): Chunk {
  return { sequence: item.sequence, start: item.computed, count, output: item.computed + count === item.wanted };
}

/** The waiting work of one kind (decode steps or encode batches), as `chooseKind` sees it. */
export interface KindLoad {
  /** The strongest class that waits; undefined when nothing does. */
  readonly class: WorkClass | undefined;
  /** Native time this kind got lately, in ms. */
  readonly recentMs: number;
}

/** Each kind that has work gets at least this share of the recent native time, whatever the classes. */
export const kindFloor = 0.1;

/**
 * Whether the next step of the device is a decode or an encode batch: the kind below its floor, else the one with the stronger
 * class, else the one that got less time lately.
 */
export function chooseKind(decode: KindLoad, encode: KindLoad): 'decode' | 'encode' | undefined {
  if (decode.class === undefined) return encode.class === undefined ? undefined : 'encode';
  if (encode.class === undefined) return 'decode';
  const total = decode.recentMs + encode.recentMs;
  if (decode.recentMs < kindFloor * total) return 'decode';
  if (encode.recentMs < kindFloor * total) return 'encode';
  const order = classOrder[decode.class] - classOrder[encode.class];
  if (order !== 0) return order < 0 ? 'decode' : 'encode';
  return decode.recentMs < encode.recentMs ? 'decode' : 'encode';
}
