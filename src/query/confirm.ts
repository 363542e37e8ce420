import type { Hit } from '../spec/answers.ts';
import { usualConfidence } from '../spec/pipeline.ts';
import type { GeneratedAnswer } from './generate.ts';
import type { AnswerPrompt, PromptFamily } from './prompt.ts';
import { confirmPrompt } from './prompt.ts';
import type { Verdict } from './verify.ts';

/** What the model's word counts beside the rules, and the most that it can say either way, in log odds. */
const worth = 0.5;
const loudest = 6;

/** Whether a reply could turn the verdict of the rules: what they are sure of is not asked. Pure. */
export function isWorthAsking({ confidence }: Verdict, leastConfidence: number = usualConfidence): boolean {
  return confidence > 0 && Math.abs(logOdds(confidence) - logOdds(leastConfidence)) < worth * loudest;
}

/** The verdict of the rules and the model's own, together. Pure. @param odds log odds of yes over no; undefined where the engine tells none */
export function withReply(verdict: Verdict, odds: number | undefined, leastConfidence: number = usualConfidence): Verdict {
  if (odds === undefined || verdict.confidence === 0) return verdict;
  const heard = Math.max(-loudest, Math.min(loudest, odds));
  const confidence = 1 / (1 + Math.exp(-(logOdds(verdict.confidence) + worth * heard)));
  const supported = confidence >= leastConfidence;
  const doubts = heard < 0 ? [...verdict.doubts, 'asked again, the model says that the passage does not state it'] : verdict.doubts;
  return { supported, confidence, doubts };
}

/** One token over the tokens of the passage that were read for the answer: log odds of yes over no. */
export async function askWhetherStated(
  {
    question,
    answer,
    passage,
    family,
  }: { readonly question: string; readonly answer: string; readonly passage: Hit; readonly family: PromptFamily },
  generate: (prompt: AnswerPrompt, weigh: readonly string[]) => Promise<GeneratedAnswer>,
): Promise<number | undefined> {
  const { final } = await generate(confirmPrompt(question, answer, passage, family), ['Yes', 'No']);
  const [yes, no] = final.weights ?? [];
  return yes === undefined || no === undefined ? undefined : yes - no;
}

function logOdds(probability: number): number {
  const bounded = Math.min(1 - 1e-6, Math.max(1e-6, probability));
  return Math.log(bounded / (1 - bounded));
}
