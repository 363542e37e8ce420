import { embedLane, generateLane } from '../../src/lanes.ts';
import { createScheduler } from '../../src/scheduler/scheduler.ts';
import type { GenerateRequest } from '../../src/spec/engine.ts';
import type { Scheduler } from '../../src/spec/work.ts';
import { createFakeEmbedder, createFakeGenerator, type Clock } from '../../src/testing/index.ts';

/** A scheduler over fake engines that answer at a fixed rate, with some jitter. */
export interface World {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Questions a second when every sequence is always busy. */
  readonly capacity: number;
  /** Time of one question by itself, ms. */
  readonly serviceMs: number;
}

export const engineSettings = {
  sequences: 9,
  kvTokens: 16_384,
  prefillTokensPerSecond: 1_000,
  decodeTokensPerSecond: 40,
  embedTokensPerSecond: 20_000,
  jitter: 0.2,
} as const;
export const question = { promptTokens: 200, answerTokens: 32, embedTokens: 20 } as const;

const answer = Array.from({ length: question.answerTokens }, () => 'word').join(' ');
/** The fake template takes four tokens beside the text. */
const promptText = Array.from({ length: question.promptTokens - 4 }, () => 'word').join(' ');

export const request: GenerateRequest = {
  prompt: { messages: [{ role: 'user', parts: [promptText] }] },
  maxTokens: question.answerTokens,
  sampling: { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 },
  stop: [],
  deliver: 'final',
};

export const query = Array.from({ length: question.embedTokens }, () => 'word').join(' ');

export const costs = {
  embed: { tokens: question.embedTokens, bytes: 200 },
  generate: { tokens: question.promptTokens, kvTokens: question.promptTokens + question.answerTokens, bytes: question.promptTokens * 8 },
} as const;

export function createWorld(clock: Clock, seed: number): World {
  const { sequences, prefillTokensPerSecond, decodeTokensPerSecond, embedTokensPerSecond } = engineSettings;
  const scheduler = createScheduler({ clock });
  scheduler.addLane(generateLane(createFakeGenerator({ ...engineSettings, clock, seed, answer: () => answer })));
  scheduler.addLane(embedLane(createFakeEmbedder({ clock, seed, jitter: engineSettings.jitter, tokensPerSecond: embedTokensPerSecond })));
  const { promptTokens, answerTokens, embedTokens } = question;
  const generateMs = 1_000 * (promptTokens / prefillTokensPerSecond + answerTokens / decodeTokensPerSecond);
  return {
    clock,
    scheduler,
    capacity: (1_000 * sequences) / generateMs,
    serviceMs: generateMs + (1_000 * embedTokens) / embedTokensPerSecond,
  };
}
