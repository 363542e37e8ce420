import { toMillraceError } from '../errors.ts';
import type { Hit } from '../spec/answers.ts';
import { type Asking, type Candidate, candidateOf, generate } from './candidate.ts';
import { choosePieces, joinPieces, scorePieces } from './excerpt.ts';
import { groundOf, standsVerbatim } from './grounding.ts';
import { contentWords, coverage, fold, sentencesOf } from './matching.ts';
import { polarityOf } from './polarity.ts';
import { type AnswerPrompt, modelRefusal, passagePrompt } from './prompt.ts';
import { spanGrammar } from './span-grammar.ts';
import { mayState } from './verify.ts';

/** A second answer is one phrase; what is cut here is none. */
const mostSecondTokens = 32;
/** Of an answer of which the model was not sure: its mean log-probability at most, and that it had begun as the refusal does at least. */
const unsure = { likelihood: -0.1, refusal: -6 } as const;
/** Share of its words that an answer may have from the question, where the one before has no more: what repeats it answers nothing. */
const mostRepeated = 0.5;
/** The same of words that the model would not have written by itself. */
const forced = -4;
/** Sentences, lines or table rows of a passage that are read again by themselves. */
const closerPieces = 2;

/** What a model says over one passage. */
export interface Asked {
  readonly candidate: Candidate;
  /**
   * Where the model refused, or said what is not verified, over a passage about the question: the answer that it gives when it is held to the
   * words of the passage; undefined where that is no verified copy. For when no passage was found to state it.
   */
  readonly insist?: () => Promise<Candidate | undefined>;
}

/**
 * The question put to one passage, and once more where a verified answer leaves doubt: a model that copied something and was not sure of it
 * reads the sentences that hold most of the question by themselves, one that used words of its own is held to those of the passage. The
 * second answer is taken where it is a verified copy.
 */
export async function askPassage(asking: Asking, hit: Hit, askedBefore: number): Promise<Asked> {
  const { question, language, found, family, pipeline, call } = asking;
  const prompt = passagePrompt(question, hit, family);
  const generated = await generate(asking, prompt, {});
  const candidate = await candidateOf(asking, generated, [hit], askedBefore);
  // The smallest models leave doubt nearly always: second looks would double what their answers cost.
  if (pipeline.verify.by === 'none' || family === 'small') return { candidate };
  const { weights, meanLogProbability = 0 } = generated.final;
  const copied = isCopied(candidate, hit, asking);
  const { leastConfidence } = pipeline.verify;
  const about = { question, language, passages: [hit], hits: found, askedBefore, refusalLogProbability: weights?.[0], leastConfidence };
  const insist = copied || !mayState(about) ? undefined : () => holdToWords(asking, prompt, hit, askedBefore);
  if (candidate.verdict?.supported !== true) return insist === undefined ? { candidate } : { candidate, insist };
  const isSure = meanLogProbability > unsure.likelihood || (weights?.[0] ?? -Infinity) < unsure.refusal;
  if (copied && isSure) return { candidate };
  try {
    const second = await (copied ? lookCloser(asking, hit, askedBefore, candidate) : insist?.());
    return { candidate: second ?? candidate };
  } catch (error) {
    // A verified answer is there: it is given whatever becomes of the second.
    if (call.signal.aborted) throw error;
    return { candidate };
  }
}

async function lookCloser(asking: Asking, hit: Hit, askedBefore: number, first: Candidate): Promise<Candidate | undefined> {
  const prompt = await closerPrompt(asking, hit);
  const second = prompt === undefined ? undefined : await askAgain(asking, prompt, hit, { askedBefore });
  if (second === undefined) return undefined;
  const asked = contentWords(asking.question, asking.language);
  const repeated = ({ text }: Candidate): number => coverage(contentWords(text, asking.language), asked);
  return repeated(second) > Math.max(mostRepeated, repeated(first)) ? undefined : second;
}

async function holdToWords(asking: Asking, prompt: AnswerPrompt, hit: Hit, askedBefore: number): Promise<Candidate | undefined> {
  const grammar = spanGrammar(hit.text);
  if (grammar === undefined) return undefined;
  try {
    return await askAgain(asking, prompt, hit, { askedBefore, grammar });
  } catch (error) {
    // An engine that takes no grammar, or not this one.
    if (toMillraceError(error).code === 'E_INPUT_INVALID') return undefined;
    throw error;
  }
}

/** A second answer; undefined where it is no verified copy, or the model had to be forced to every word. */
async function askAgain(
  asking: Asking,
  prompt: AnswerPrompt,
  hit: Hit,
  { askedBefore, grammar }: { readonly askedBefore: number; readonly grammar?: string },
): Promise<Candidate | undefined> {
  const maxTokens = Math.min(mostSecondTokens, asking.pipeline.generate.maxTokens);
  const generated = await generate(asking, prompt, { maxTokens, ...(grammar === undefined ? {} : { grammar }) });
  const { text, stopReason, meanLogProbability = 0 } = generated.final;
  if (stopReason === 'length' || beginsRefusal(text) || meanLogProbability < forced) return undefined;
  const second = await candidateOf(asking, generated, [hit], askedBefore);
  return second.verdict?.supported === true && isCopied(second, hit, asking) ? second : undefined;
}

/** The question over the sentences that hold most of it; undefined where the passage has no more than those. */
async function closerPrompt({ question, language, family }: Asking, hit: Hit): Promise<AnswerPrompt | undefined> {
  const [pieces = []] = await scorePieces(question, [hit.text], language);
  const chosen = choosePieces(
    pieces,
    pieces.map(() => 1),
    closerPieces,
  );
  if (chosen.length === pieces.length) return undefined;
  // Of the passage nothing comes back in another question: the rules do.
  const { prompt } = passagePrompt(question, { ...hit, text: joinPieces(hit.text, pieces, chosen) }, family);
  return { prompt, prefixParts: 1, prefixOwners: [] };
}

/** Each sentence word for word, or "yes" or "no" to a question that they answer. */
function isCopied({ text, checked }: Candidate, hit: Hit, { question, language }: Asking): boolean {
  if (checked.abstained) return false;
  if (polarityOf(text, question) !== undefined) return true;
  const ground = groundOf(hit, language);
  return sentencesOf(text).every((sentence) => standsVerbatim(sentence.text, ground.text, language));
}

/** The passage may hold the first words of the refusal. */
function beginsRefusal(text: string): boolean {
  return `${modelRefusal} `.startsWith(`${fold(text).trim()} `);
}
