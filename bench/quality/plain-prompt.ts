import { type JudgedAnswer, type JudgedQuestion, openEngine } from '../../src/index.ts';
import { judgeAll } from './answer-quality.ts';
import type { QualitySettings } from './quality-scenario.ts';

const greedy = { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 };
const refusal =
  /\bnot (?:stated |mentioned |given |found |provided |specified )?in the (?:passage|text|context)\b|\b(?:passage|text|context) does not\b/i;

/** What anybody would write first, with the same model: one instruction, the passage, the question. No check afterwards. */
const instruction =
  'Answer the question from the passage, as briefly as you can. If the passage does not hold the answer, reply exactly: Not in the passage.';

/** The same questions over the same paragraphs by a plain prompt. */
export async function askPlainly(questions: readonly JudgedQuestion[], settings: QualitySettings): Promise<JudgedAnswer[]> {
  const { model, home } = settings;
  const engine = await openEngine({ generator: model, ...(home === undefined ? {} : { home }) });
  const { generator } = engine;
  if (generator === undefined) throw new Error(`${model} is no generator.`);
  try {
    return await judgeAll('plain', questions, settings, async ({ question, context }, signal) => {
      const started = performance.now();
      const prompt = {
        messages: [
          { role: 'system' as const, parts: [instruction] },
          { role: 'user' as const, parts: [`Passage: ${context ?? ''}\n\n`, `Question: ${question}`] },
        ],
      };
      const request = { prompt, maxTokens: 100, sampling: greedy, stop: [], deliver: 'final' as const };
      for await (const part of generator.generate({ ...request, prefixKey: context ?? '', prefixParts: 2 }, { class: 'batch', signal })) {
        if (part.type !== 'final') continue;
        const { promptTokens, cachedTokens, outputTokens } = part.usage;
        const answer = part.text.trim();
        const latencyMs = performance.now() - started;
        return {
          answer,
          abstained: answer === '' || refusal.test(answer),
          citations: [],
          latencyMs,
          promptTokens,
          cachedTokens,
          outputTokens,
        };
      }
      throw new Error('A generation ended without its final part.');
    });
  } finally {
    await engine.close();
  }
}
