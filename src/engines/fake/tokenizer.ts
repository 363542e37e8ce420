import type { Prompt, Tokenizer } from '../../spec/engine.ts';
import { hashWord, piecesOf } from './words.ts';

const vocabulary = 32_000;
const control = { start: 1, end: 2, answer: 3 } as const;

/** One token a word, number or sign. A message has a start and an end token, a prompt ends with an answer token. */
export function createFakeTokenizer(): Tokenizer {
  return {
    countTokens: (texts) => Promise.resolve(Uint32Array.from(texts, (text) => piecesOf(text).length)),
    tokenizePrompt: (prompt) => Promise.resolve(tokenizePrompt(prompt)),
  };
}

export function tokenizePrompt(prompt: Prompt): { tokens: Int32Array; partEnds: number[] } {
  const tokens: number[] = [];
  const partEnds: number[] = [];
  for (const message of prompt.messages) {
    tokens.push(control.start, tokenOf(message.role));
    for (const part of message.parts) {
      tokens.push(...piecesOf(part).map(tokenOf));
      partEnds.push(tokens.length);
    }
    tokens.push(control.end);
  }
  tokens.push(control.answer);
  return { tokens: Int32Array.from(tokens), partEnds };
}

/** Ids from 16 on: text can never become a control token. */
export function tokenOf(piece: string): number {
  return 16 + (hashWord(piece) % (vocabulary - 16));
}
