import type { Prompt, Tokenizer } from '../src/index.ts';
import type { GenerateJob } from './contestant.ts';

/** Texts of an exact number of tokens, the same in every run and for every contestant. */

const vocabulary =
  'the of and river stone water house green light morning paper window letter number garden music system value market answer bread winter summer ' +
  'road field horse table chair glass metal cloud north south bridge village teacher doctor story picture question island mountain';

const instruction = 'Write a very long story of many pages in which all of these words occur.';

/** Words that are one token each when a space comes before them. */
export async function singleTokenWords(tokenizer: Tokenizer): Promise<string[]> {
  const words = vocabulary.split(' ');
  const counts = await tokenizer.countTokens(words.map((word) => ` ${word}`));
  const single = words.filter((_, index) => counts[index] === 1);
  if (single.length < 10)
    throw new Error('The tokenizer of the model splits nearly every common word: no text of an exact length can be made.');
  return single;
}

/** Numbers 0 ≤ n < 1 that depend on the seed alone (the generator "mulberry32"). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function wordsOf(words: readonly string[], count: number, seed: number): string {
  const next = seededNumbers(seed);
  return Array.from({ length: count }, () => ` ${words[Math.floor(next() * words.length)]!}`).join('');
}

/** A prompt of exactly `promptTokens` tokens, chat template included, that asks for a long answer. */
export async function exactJob(
  tokenizer: Tokenizer,
  words: readonly string[],
  options: { readonly promptTokens: number; readonly maxTokens: number; readonly seed: number },
): Promise<GenerateJob> {
  const promptOf = (count: number): Prompt => ({
    messages: [{ role: 'user', parts: [instruction + wordsOf(words, count, options.seed)] }],
  });
  const empty = await tokenizer.tokenizePrompt(promptOf(0));
  const prompt = promptOf(options.promptTokens - empty.tokens.length);
  return { prompt, tokens: await tokensOf(tokenizer, prompt, options.promptTokens), maxTokens: options.maxTokens };
}

/** Jobs whose prompts share exactly `prefixTokens` leading tokens and go on with a part of `questionTokens` of their own. */
export async function sharedPrefixJobs(
  tokenizer: Tokenizer,
  words: readonly string[],
  options: {
    readonly jobs: number;
    readonly prefixTokens: number;
    readonly questionTokens: number;
    readonly maxTokens: number;
    readonly seed: number;
  },
): Promise<GenerateJob[]> {
  const promptOf = (prefixWords: number, questionWords: number, job: number): Prompt => ({
    messages: [
      {
        role: 'user',
        parts: [
          `${options.seed}${wordsOf(words, prefixWords, options.seed)}`,
          `${instruction}${wordsOf(words, questionWords, options.seed * 1000 + job)}`,
        ],
      },
    ],
  });
  const empty = await tokenizer.tokenizePrompt(promptOf(0, 0, 0));
  const [emptyPrefix, emptyEnd] = [empty.partEnds[0]!, empty.partEnds[1]!];
  const prefixWords = options.prefixTokens - emptyPrefix;
  const questionWords = options.questionTokens - (emptyEnd - emptyPrefix);
  const total = empty.tokens.length + prefixWords + questionWords;
  return Promise.all(
    Array.from({ length: options.jobs }, async (_, job) => {
      const prompt = promptOf(prefixWords, questionWords, job);
      return { prompt, tokens: await tokensOf(tokenizer, prompt, total), maxTokens: options.maxTokens };
    }),
  );
}

async function tokensOf(tokenizer: Tokenizer, prompt: Prompt, expected: number): Promise<number[]> {
  const { tokens } = await tokenizer.tokenizePrompt(prompt);
  if (tokens.length !== expected) throw new Error(`A prompt has ${tokens.length} tokens, not ${expected}.`);
  return [...tokens];
}

/** Texts of `from` to `to` tokens each, special tokens of the model not included, and what they have together. */
export async function textsOf(
  tokenizer: Tokenizer,
  options: { readonly count: number; readonly from: number; readonly to: number; readonly seed: number },
): Promise<{ readonly texts: string[]; readonly tokens: number }> {
  const words = await singleTokenWords(tokenizer);
  const next = seededNumbers(options.seed);
  const lengths = Array.from({ length: options.count }, () => options.from + Math.floor(next() * (options.to - options.from + 1)));
  const texts = lengths.map((length, index) => wordsOf(words, length, options.seed * 1000 + index).trim());
  const counts = await tokenizer.countTokens(texts);
  return { texts, tokens: counts.reduce((sum, count) => sum + count, 0) };
}
