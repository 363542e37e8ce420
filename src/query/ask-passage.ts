import type { Hit } from '../spec/answers.ts';
import { type Asking, type Candidate, candidateOf, generate } from './candidate.ts';
import { choosePieces, joinPieces, scorePieces } from './excerpt.ts';
import { groundOf, standsVerbatim } from './grounding.ts';
import { fold, sentencesOf } from './matching.ts';
import { polarityOf } from './polarity.ts';
import { type AnswerPrompt, modelRefusal, passagePrompt } from './prompt.ts';
import { spanGrammar } from './span-grammar.ts';
import { mayState } from './verify.ts';

/** A second answer is one phrase; what is cut here is none. */
const mostSecondTokens = 32;
/** Mean log-probability of an answer of which the model was not sure. */
const unsure = -0.2;
/** Sentences, lines or table rows of a passage that are read again by themselves. */
const closerPieces = 2;

/**
 * The question put to one passage, and once more where the first answer leaves doubt. A model that refuses, or says what does not stand there
 * word for word, over a passage about the question is held to its words. One that copied something and was not sure of it reads the
 * sentences that hold most of the question by themselves. The second answer is taken where it is a verified copy.
 */
export async function askPassage(asking: Asking, hit: Hit, askedBefore: number): Promise<Candidate> {
  const { question, language, found, family, pipeline } = asking;
  const prompt = passagePrompt(question, hit, family);
  const generated = await generate(asking, prompt, {});
  const first = await candidateOf(asking, generated, [hit], askedBefore);
  if (pipeline.verify.by === 'none') return first;
  const { weights, meanLogProbability = 0 } = generated.final;
  if (isCopied(first, hit, asking)) {
    if (meanLogProbability > unsure || first.verdict?.supported !== true) return first;
    const closer = await closerPrompt(asking, hit);
    return closer === undefined ? first : ((await askAgain(asking, closer, hit, askedBefore)) ?? first);
  }
  const grammar = spanGrammar(hit.text);
  const about = { question, language, passages: [hit], hits: found, askedBefore, refusalLogProbability: weights?.[0] };
  if (grammar === undefined || !mayState(about)) return first;
  return (await askAgain(asking, prompt, hit, askedBefore, grammar)) ?? first;
}

/** A second answer; undefined where it is no verified copy. */
async function askAgain(
  asking: Asking,
  prompt: AnswerPrompt,
  hit: Hit,
  askedBefore: number,
  grammar?: string,
): Promise<Candidate | undefined> {
  const maxTokens = Math.min(mostSecondTokens, asking.pipeline.generate.maxTokens);
  const generated = await generate(asking, prompt, { maxTokens, ...(grammar === undefined ? {} : { grammar }) });
  const { text, stopReason } = generated.final;
  if (stopReason === 'length' || beginsRefusal(text)) return undefined;
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
