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
/** Differences are rounded to this part of one: a term of the sum is off by at most 1/8,192 of itself, up as often as down. */
const unit = 1 / 4096;
const fineBits = 7;
const finer = 1 << fineBits;
/** e^−x in two factors small enough for the nearest cache: a vocabulary is weighed at every token, and `Math.exp` takes eight times as long. */
const coarse = Float64Array.from({ length: negligible / (unit * finer) + 1 }, (_, place) => Math.exp(-place * unit * finer));
const fine = Float64Array.from({ length: finer }, (_, place) => Math.exp(-place * unit));

/** The chosen entries of log softmax to about 1e-4; −Infinity for a token outside the vocabulary. Pure. */
export function logProbabilities(logits: Float32Array, tokens: readonly number[]): number[] {
  const { length } = logits;
  let highest = -Infinity;
  for (let token = 0; token < length; token++) {
    const logit = logits[token]!;
    if (logit > highest) highest = logit;
  }
  const most = negligible / unit;
  let sum = 0;
  for (let token = 0; token < length; token++) {
    const below = (highest - logits[token]!) / unit + 0.5;
    if (below < most) sum += coarse[below >> fineBits]! * fine[below & (finer - 1)]!;
  }
  const normaliser = highest + Math.log(sum);
  return tokens.map((token) => (logits[token] ?? -Infinity) - normaliser);
}

/** How likely an output was by the model that wrote it. */
export interface Likelihood {
  readonly meanLogProbability?: number;
  readonly weights?: readonly number[];
}
