import { isMillraceError, MillraceError } from '../errors.ts';
import type { GeneratePart, Generator, WorkClass } from '../spec/engine.ts';
import type { Deadline } from '../spec/time.ts';
import type { Permit, Scheduler, WorkTimings } from '../spec/work.ts';
import { type AnswerPrompt, prefixKey as prefixKeyOf } from './prompt.ts';

/** For whom and until when an engine works. */
export interface EngineCall {
  readonly class: WorkClass;
  readonly tenant?: string | undefined;
  readonly permit?: Permit | undefined;
  readonly deadline?: Deadline | undefined;
  readonly signal: AbortSignal;
  /** Told of each piece of text, where nobody needs it but for its coming. */
  readonly onToken?: (() => void) | undefined;
}

export interface GenerateAnswerRequest extends EngineCall {
  readonly prompt: AnswerPrompt;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  /** Texts whose first token is weighed as the first of the answer. */
  readonly weigh?: readonly string[];
  /** Tell the mean log-probability of the answer. Default false. */
  readonly likelihood?: boolean;
  /** GBNF that the answer must follow. */
  readonly grammar?: string;
  /** Gets text as it comes; without it nothing is told before the end. */
  readonly onText?: (text: string) => Promise<void>;
}

export interface GeneratedAnswer {
  readonly final: Extract<GeneratePart, { type: 'final' }>;
  readonly timings: WorkTimings;
  readonly firstTokenMs: number | undefined;
}

/** Nothing of it was computed: prompt and answer are more than the model holds. */
export function isTooLong(error: unknown): boolean {
  return isMillraceError(error) && error.code === 'E_CONTEXT_EXCEEDED';
}

/** Counts the prompt, reserves its cells, generates, and hands text on as it comes where somebody takes it. */
export async function generateAnswer(
  scheduler: Scheduler,
  generator: Generator,
  request: GenerateAnswerRequest,
  monotonic: () => number,
): Promise<GeneratedAnswer> {
  const { prompt, prefixParts, prefixOwners } = request.prompt;
  const { tokens, partEnds } = await generator.tokenizer.tokenizePrompt(prompt, request.signal);
  const limit = generator.model.maxSequenceTokens;
  if (tokens.length + request.maxTokens > limit) {
    throw new MillraceError(
      'E_CONTEXT_EXCEEDED',
      `The question with its passages takes ${tokens.length} tokens and the answer up to ${request.maxTokens}, but ${generator.model.title} holds ${limit} at a time.`,
      { details: { promptTokens: tokens.length, maxTokens: request.maxTokens, limitTokens: limit } },
    );
  }
  // Where nobody can begin with it no prefix is named: twins would wait until the first of them has ended.
  const shares = generator.capacity().sharesPrefixes !== false;
  const prefixTokens = shares ? (partEnds[prefixParts - 1] ?? 0) : 0;
  const prefixKey = shares ? prefixKeyOf(generator.model.hash, request.prompt) : undefined;
  const deliver = request.onText === undefined && request.onToken === undefined ? 'final' : 'stream';
  const started = monotonic();
  const handle = scheduler.submit({
    lane: generator.lane ?? 'generate',
    class: request.class,
    tenant: request.tenant,
    permit: request.permit,
    input: {
      prompt,
      maxTokens: request.maxTokens,
      sampling: { temperature: request.temperature, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: request.seed },
      stop: ['\nQuestion:', '\n\n\n'],
      ...(prefixKey === undefined ? {} : { prefixKey, prefixParts, prefixOwners }),
      deliver,
      ...(request.likelihood === true ? { likelihood: true } : {}),
      ...(request.weigh === undefined ? {} : { weigh: request.weigh }),
      ...(request.grammar === undefined ? {} : { grammar: request.grammar }),
    },
    cost: {
      tokens: tokens.length - prefixTokens,
      items: 1,
      kvTokens: tokens.length - prefixTokens + request.maxTokens,
      prefixTokens,
      bytes: tokens.length * 8,
    },
    ...(prefixKey === undefined ? {} : { prefixKey }),
    signal: request.signal,
    ...(request.deadline === undefined ? {} : { deadline: request.deadline }),
    deliver,
  });
  let firstTokenMs: number | undefined;
  for await (const part of handle) {
    if (part.type !== 'text') continue;
    firstTokenMs ??= monotonic() - started;
    request.onToken?.();
    await request.onText?.(part.text);
  }
  return { final: await handle.result(), timings: handle.timings(), firstTokenMs };
}
