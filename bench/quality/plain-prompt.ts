import { type Generator, type JudgedAnswer, type JudgedQuestion, openEngine } from '../../src/index.ts';
import { judgeAll } from './answer-quality.ts';
import type { BaselineName, QualitySettings } from './quality-scenario.ts';
import { keptAnswers } from './work-folder.ts';

const greedy = { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 };
const refusal =
  /\bnot (?:stated |mentioned |given |found |provided |specified )?in the (?:passage|text|context|documents?)\b|\b(?:passage|text|context) does not\b/i;
const maxTokens = 64;

/** One instruction, the passage, the question, the same model. No check afterwards; the first line is the answer. */
const instructions: Readonly<Record<BaselineName, string>> = {
  /** Written for this model and for answers of this kind. */
  phrase:
    'Answer the question with the shortest exact phrase from the passage. If the answer is absent, reply exactly: not in the documents.',
  /** What anybody would write first. */
  naive:
    'Answer the question from the passage, as briefly as you can. If the passage does not hold the answer, reply exactly: Not in the passage.',
};

/** The same questions over the same paragraphs by a plain prompt. */
export async function askPlainly(
  baseline: BaselineName,
  questions: readonly JudgedQuestion[],
  settings: QualitySettings,
): Promise<JudgedAnswer[]> {
  const { model, home } = settings;
  const engine = await openEngine({ generator: model, ...(home === undefined ? {} : { home }) });
  const { generator } = engine;
  if (generator === undefined) throw new Error(`${model} is no generator.`);
  const computed = oncePerPassage();
  const instruction = instructions[baseline];
  try {
    const kept = await keptAnswers(settings, `plain-${baseline}`, 'model', { instruction, maxTokens, refusal: refusal.source });
    return await judgeAll(`plain-${baseline}`, questions, settings, kept, async ({ question, context }, signal) => {
      const passage = context ?? '';
      return computed(passage, (onPrefix) => askOnce(generator, instruction, passage, question, onPrefix, signal));
    });
  } finally {
    await engine.close();
  }
}

async function askOnce(
  generator: Generator,
  instruction: string,
  passage: string,
  question: string,
  onPrefix: () => void,
  signal: AbortSignal,
): Promise<NonNullable<JudgedAnswer['given']>> {
  const started = performance.now();
  const prompt = {
    messages: [
      { role: 'system' as const, parts: [instruction] },
      { role: 'user' as const, parts: [`Passage: ${passage}\n\n`, `Question: ${question}`] },
    ],
  };
  const request = { prompt, maxTokens, sampling: greedy, stop: ['\n'], deliver: 'final' as const, prefixKey: passage, prefixParts: 2 };
  for await (const part of generator.generate(request, { class: 'batch', signal })) {
    if (part.type === 'prefix-ready') onPrefix();
    if (part.type !== 'final') continue;
    const { promptTokens, cachedTokens, outputTokens } = part.usage;
    const answer = part.text.trim();
    const latencyMs = performance.now() - started;
    const abstained = answer === '' || refusal.test(answer);
    return { answer, abstained, citations: [], latencyMs, promptTokens, cachedTokens, outputTokens };
  }
  throw new Error('A generation ended without its final part.');
}

/** Of questions about one passage at one time the first computes it, and the others begin when that is done: what a scheduler does. */
function oncePerPassage() {
  const leaders = new Map<string, Promise<void>>();
  return async <Result>(passage: string, ask: (onPrefix: () => void) => Promise<Result>): Promise<Result> => {
    const leader = leaders.get(passage);
    if (leader !== undefined) {
      await leader;
      return ask(() => undefined);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    leaders.set(passage, promise);
    try {
      return await ask(resolve);
    } finally {
      resolve();
      leaders.delete(passage);
    }
  };
}
