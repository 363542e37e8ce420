import koffi from 'koffi';
import { MillraceError } from '../../../errors.ts';
import type { Sampling } from '../../../spec/engine.ts';
import { tokenArrayLayout } from './layout.ts';
import type { LlamaLibrary } from './library.ts';
import type { Pointer } from './layout.ts';
import { createLogProbabilities, type Likelihood } from './log-probability.ts';

/** Chooses the next token of one sequence. */
export interface Sampler {
  /** Samples from the logits of batch position `index` and remembers the token. */
  sample(context: Pointer, index: number): number;
  /** Takes what the model gave a sampled token into the likelihood, where one is wanted; before the next step. */
  judge(context: Pointer, index: number, token: number): void;
  /** Of what was sampled so far. */
  likelihood(): Likelihood;
  free(): void;
}

/** The choice alone; what it is worth is told by the sampler around it. */
type Choice = Pick<Sampler, 'sample' | 'free'>;

export interface SamplerOptions {
  readonly sampling: Sampling;
  readonly grammar: string | undefined;
  /** What the repeat penalty looks back on at the start. */
  readonly prompt: Int32Array;
  /** Tokens weighed as the first one. */
  readonly weigh: readonly number[];
  readonly likelihood: boolean;
  readonly ignoreEnd: boolean;
}

/** Makes samplers for one model. Native memory for candidates is made once, at the first grammar. */
export interface SamplerFactory {
  /** @throws MillraceError E_INPUT_INVALID when the grammar cannot be parsed */
  create(options: SamplerOptions): Sampler;
  free(): void;
}

/** How far the repeat penalty looks back, in tokens. */
const penaltyTokens = 64;

/** llama.cpp's sampler chain in its default order; greedy when the temperature is 0. */
function createChain(library: LlamaLibrary, vocab: Pointer, { sampling, prompt }: SamplerOptions, ban: Pointer | undefined): Pointer {
  const chain = library.samplerChain({ no_perf: true });
  const add = (sampler: Pointer) => library.samplerChainAdd(chain, sampler);
  if (ban !== undefined) add(ban);
  if (sampling.temperature === 0) {
    add(library.samplerGreedy());
    return chain;
  }
  if (sampling.repeatPenalty !== 1)
    add(library.samplerPenalties(library.vocabularyTokens(vocab), penaltyTokens, sampling.repeatPenalty, 0, 0));
  if (sampling.topK > 0) add(library.samplerTopK(sampling.topK));
  if (sampling.topP < 1) add(library.samplerTopP(sampling.topP, 1));
  if (sampling.minP > 0) add(library.samplerMinP(sampling.minP, 1));
  add(library.samplerTemperature(sampling.temperature));
  add(library.samplerDistribution(sampling.seed));
  if (sampling.repeatPenalty !== 1) for (const token of prompt.slice(-penaltyTokens)) library.samplerAccept(chain, token);
  return chain;
}

/** Makes samplers that never take an end token; they are found once. `llama_logit_bias` is {int32 token, float bias}. */
function createEndBans(library: LlamaLibrary, vocab: Pointer): () => Pointer {
  const vocabularyTokens = library.vocabularyTokens(vocab);
  let ends: Uint8Array | undefined;
  return () => {
    ends ??= new Uint8Array(
      Array.from({ length: vocabularyTokens }, (_, token) => token)
        .filter((token) => library.vocabularyIsEnd(vocab, token))
        .flatMap((token) => [...new Uint8Array(Int32Array.of(token).buffer), ...new Uint8Array(Float32Array.of(-Infinity).buffer)]),
    );
    return library.samplerLogitBias(vocabularyTokens, ends.length / 8, ends);
  };
}

export function createSamplerFactory(library: LlamaLibrary, vocab: Pointer): SamplerFactory {
  let candidates: Candidates | undefined;
  const logProbabilities = createLogProbabilities(library, vocab);
  const banEnds = createEndBans(library, vocab);

  function withLikelihood(choice: Choice, { weigh, likelihood }: Pick<SamplerOptions, 'weigh' | 'likelihood'>): Sampler {
    let sampled = 0;
    let sum = 0;
    let weights: readonly number[] | undefined;
    return {
      sample: (context, index) => choice.sample(context, index),
      judge(context, index, token) {
        const weighed = sampled === 0 ? weigh : [];
        sampled += 1;
        if (!likelihood && weighed.length === 0) return;
        const [own = 0, ...others] = logProbabilities(context, index, [token, ...weighed]);
        if (weighed.length > 0) weights = others;
        sum += own;
      },
      likelihood: () => ({
        ...(sampled === 0 || !likelihood ? {} : { meanLogProbability: sum / sampled }),
        ...(weights === undefined ? {} : { weights }),
      }),
      free: () => choice.free(),
    };
  }

  function createConstrained(chain: Pointer, grammar: Pointer): Choice {
    candidates ??= createCandidates(library, library.vocabularyTokens(vocab));
    const list = candidates;
    return {
      sample(context, index) {
        // The chain chooses first; the grammar masks the whole vocabulary only when it forbids the choice, which is rare and slow.
        list.load(context, index);
        list.apply(chain);
        let token = list.selected();
        if (token === -1 || !list.allows(grammar, token)) {
          list.load(context, index);
          list.apply(grammar);
          if (list.anyPossible()) list.apply(chain);
          token = list.selected();
          if (token === -1 || !list.allows(grammar, token))
            throw new MillraceError('E_ENGINE_FAILED', 'No token of the model continues the grammar.');
        }
        library.samplerAccept(grammar, token);
        library.samplerAccept(chain, token);
        return token;
      },
      free() {
        library.samplerFree(grammar);
        library.samplerFree(chain);
      },
    };
  }

  return {
    create(options) {
      const grammar = options.grammar === undefined ? undefined : createGrammar(library, vocab, options.grammar);
      const chain = createChain(library, vocab, options, options.ignoreEnd ? banEnds() : undefined);
      const choice: Choice =
        grammar === undefined
          ? { sample: (context, index) => library.samplerSample(chain, context, index), free: () => library.samplerFree(chain) }
          : createConstrained(chain, grammar);
      return withLikelihood(choice, options);
    },
    free: () => candidates?.free(),
  };
}

type Candidates = ReturnType<typeof createCandidates>;

/** Longest grammar and deepest nesting: the native parser recurses over both. */
const maxGrammarCharacters = 32_768;
const maxGrammarDepth = 128;

/**
 * @throws MillraceError E_INPUT_INVALID when the grammar is empty, too large, nested too deeply, or cannot be parsed
 */
export function createGrammar(library: LlamaLibrary, vocab: Pointer, grammar: string): Pointer {
  if (grammar.length > maxGrammarCharacters) {
    throw new MillraceError('E_INPUT_INVALID', `The grammar has ${grammar.length} characters; the limit is ${maxGrammarCharacters}.`);
  }
  if (nesting(grammar) > maxGrammarDepth || grammar.includes('\0')) {
    throw new MillraceError('E_INPUT_INVALID', `The grammar is nested more than ${maxGrammarDepth} levels deep or holds a zero character.`);
  }
  const sampler = grammar.trim() === '' ? null : library.samplerGrammar(vocab, grammar, 'root');
  if (sampler === null) throw new MillraceError('E_INPUT_INVALID', 'The grammar is not valid GBNF with a rule named root.');
  return sampler;
}

/** Brackets of rules; those in literals and character classes nest nothing. */
function nesting(grammar: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [character] of grammar.matchAll(/"(?:\\.|[^"\\])*(?:"|\\?$)|\[(?:\\.|[^\]\\])*(?:\]|\\?$)|[()]/gs)) {
    if (character === '(') deepest = Math.max(deepest, ++depth);
    else if (character === ')') depth--;
  }
  return deepest;
}

/** A native candidate list over the whole vocabulary; `llama_token_data` is {int32 id, float logit, float p}. */
function createCandidates(library: LlamaLibrary, tokens: number) {
  const wordsPerToken = 3;
  const bytes = 4 * wordsPerToken * tokens;
  const data = koffi.alloc('uint8_t', bytes) as Pointer;
  const memory = koffi.view(data, bytes);
  const ids = new Int32Array(memory);
  const values = new Float32Array(memory);
  const arrayType = koffi.struct({ ...tokenArrayLayout });
  const array = koffi.alloc(arrayType, 1) as Pointer;
  const logitsType = koffi.array('float', tokens, 'Typed');
  const reset = (size: number) => koffi.encode(array, arrayType, { data, size, selected: -1, sorted: false });
  const read = () => koffi.decode(array, arrayType) as { size: number; selected: number };
  return {
    load(context: Pointer, index: number): void {
      const address = library.logits(context, index);
      if (address === null) throw new MillraceError('E_ENGINE_FAILED', 'The inference library returned no logits for a step.');
      const logits = koffi.decode(address, logitsType) as Float32Array;
      for (let token = 0, at = 0; token < tokens; token++, at += wordsPerToken) {
        ids[at] = token;
        values[at + 1] = logits[token]!;
        values[at + 2] = 0;
      }
      reset(tokens);
    },
    apply: (sampler: Pointer) => library.samplerApply(sampler, array),
    /** The chosen token, −1 when none was. */
    selected(): number {
      const { size, selected } = read();
      return selected < 0 || selected >= size ? -1 : ids[selected * wordsPerToken]!;
    },
    anyPossible(): boolean {
      const { size } = read();
      for (let at = 0; at < size * wordsPerToken; at += wordsPerToken) if (values[at + 1]! > -Infinity) return true;
      return false;
    },
    allows(grammar: Pointer, token: number): boolean {
      ids[0] = token;
      values[1] = 1;
      values[2] = 0;
      reset(1);
      library.samplerApply(grammar, array);
      return values[1] > -Infinity;
    },
    free(): void {
      koffi.free(data);
      koffi.free(array);
    },
  };
}
