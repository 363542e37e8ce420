import type { Mill, Prompt, Tokenizer } from '../src/index.ts';
import type { GenerateJob } from './contestant.ts';

const system = 'Answer the question from the passages in one or two sentences and cite the passage as [n].';

/** What rivals are asked: the passages that our retrieval finds, under a short instruction, as text of the model's own template. */
export function createJobs(mill: Mill, tokenizer: Tokenizer, shape: { readonly limit: number; readonly maxTokens: number }) {
  return (questions: readonly string[]): Promise<GenerateJob[]> =>
    Promise.all(
      questions.map(async (question) => {
        const { hits } = await mill.search(question, { mode: 'text', limit: shape.limit });
        const passages = hits.map(({ text }, index) => `[${index + 1}] ${text}`).join('\n\n');
        const prompt: Prompt = {
          messages: [
            { role: 'system', parts: [system] },
            { role: 'user', parts: [`Passages:\n\n${passages}\n\n`, `Question: ${question}`] },
          ],
        };
        const { tokens } = await tokenizer.tokenizePrompt(prompt);
        // Their answers end where the model ends them, as ours do.
        return { prompt, tokens: [...tokens], maxTokens: shape.maxTokens, endsItself: true };
      }),
    );
}
