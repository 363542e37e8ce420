import koffi from 'koffi';
import { MillraceError } from '../../../errors.ts';
import type { LlamaLibrary } from './library.ts';
import type { Pointer } from './layout.ts';

/** Natural log-probabilities of tokens at one position of a batch, by the model's own logits: no temperature, no grammar. */
export type LogProbabilities = (context: Pointer, index: number, tokens: readonly number[]) => number[];

export function createLogProbabilities(library: LlamaLibrary, vocab: Pointer): LogProbabilities {
  const logitsType = koffi.array('float', library.vocabularyTokens(vocab), 'Typed');
  return (context, index, tokens) => {
    const address = library.logits(context, index);
    if (address === null) throw new MillraceError('E_ENGINE_FAILED', 'The inference library returned no logits for a step.');
    return logProbabilities(koffi.decode(address, logitsType) as Float32Array, tokens);
  };
}

/** Logits so far below the highest are left out of the sum: 150,000 of them would change it by less than a hundred-thousandth. */
const negligible = 24;

/** The chosen entries of log softmax; −Infinity for a token outside the vocabulary. Pure. */
export function logProbabilities(logits: Float32Array, tokens: readonly number[]): number[] {
  let highest = -Infinity;
  for (let token = 0; token < logits.length; token++) if (logits[token]! > highest) highest = logits[token]!;
  let sum = 0;
  for (let token = 0; token < logits.length; token++) {
    const below = logits[token]! - highest;
    if (below > -negligible) sum += Math.exp(below);
  }
  const normaliser = highest + Math.log(sum);
  return tokens.map((token) => (logits[token] ?? -Infinity) - normaliser);
}

/** How likely an output was by the model that wrote it. */
export interface Likelihood {
  readonly meanLogProbability?: number;
  readonly weights?: readonly number[];
}
