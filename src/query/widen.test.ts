import { afterEach, describe, expect, it } from 'vitest';
import { type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import type { Answer } from '../spec/answers.ts';

let bench: MillBench;
afterEach(() => bench.close());

async function answerOf(options: MillBenchOptions, asked: string, askOptions = {}): Promise<Answer> {
  bench = await openMillBench(options);
  return bench.drive(bench.mill.ask(asked, askOptions).result());
}

describe('a hit that is read with what stands beside it', () => {
  it('reads more of the document around a small hit where that is asked for, and still cites to the character', async () => {
    const filler = (name: string) => Array.from({ length: 60 }, (_, line) => `The ${name} has line ${line} in its book.`).join(' ');
    const text = `${filler('mill')} The lighthouse keeper is called Odalys. ${filler('depot')}`;
    const prompts: string[] = [];
    const options: MillBenchOptions = {
      sources: [{ id: 'book', text }],
      generator: {
        answer({ prompt }) {
          prompts.push(prompt.messages[1]?.parts[0] ?? '');
          return 'Odalys';
        },
      },
    };
    const pipeline = { retrieve: { neighbours: 1 }, context: { tokens: 1_000 } };
    const { hits, citations } = await answerOf(options, 'Who is the lighthouse keeper?', { pipeline });
    expect(prompts[0]?.length).toBeGreaterThan((hits[0]?.text.length ?? 0) * 1.5);
    expect(prompts[0]).toContain(hits[0]?.text);
    const [citation] = citations;
    expect(citation?.quote).toContain('Odalys');
    expect(text.slice(citation?.start, citation?.end)).toBe(citation?.quote);
  });

  it.each([64, 300, 600])(
    'reads no more around a hit than %i tokens of context allow, the nearest, and never less than the hit',
    async (tokens) => {
      const filler = (name: string) => Array.from({ length: 400 }, (_, line) => `The ${name} has line ${line} in its book.`).join(' ');
      const prompts: string[] = [];
      const options: MillBenchOptions = {
        sources: [{ id: 'book', text: `${filler('mill')} The lighthouse keeper is called Odalys. ${filler('depot')}` }],
        generator: {
          answer({ prompt }) {
            prompts.push(prompt.messages[1]?.parts[0] ?? '');
            return 'Odalys';
          },
        },
      };
      const read = async (neighbours: number): Promise<{ readonly prompt: string; readonly tokens: number; readonly hit: string }> => {
        prompts.length = 0;
        const { hits } = await answerOf(options, 'Who is the lighthouse keeper?', {
          pipeline: { retrieve: { neighbours }, context: { tokens } },
        });
        const [prompt = ''] = prompts;
        const [counted = 0] = await bench.generator.tokenizer.countTokens([prompt]);
        const hit = hits[0]?.text ?? '';
        if (neighbours === 0) await bench.close();
        return { prompt, tokens: counted, hit };
      };
      const alone = await read(0);
      const wide = await read(20);
      expect(wide.prompt).toContain(wide.hit);
      expect(wide.tokens).toBeLessThanOrEqual(Math.max(tokens, alone.tokens));
      if (tokens > 2 * alone.tokens) expect(wide.tokens).toBeGreaterThan(1.3 * alone.tokens);
    },
  );

  it('reads no more around a hit than the model holds beside the question', async () => {
    const filler = (name: string) => Array.from({ length: 400 }, (_, line) => `The ${name} has line ${line} in its book.`).join(' ');
    const prompts: string[] = [];
    const options: MillBenchOptions = {
      sources: [{ id: 'book', text: `${filler('mill')} The lighthouse keeper is called Odalys. ${filler('depot')}` }],
      generator: {
        maxSequenceTokens: 2_000,
        answer({ prompt }) {
          prompts.push(prompt.messages[1]?.parts[0] ?? '');
          return 'Odalys';
        },
      },
    };
    const asked = { pipeline: { retrieve: { neighbours: 20 }, context: { tokens: 4_000 } }, maxTokens: 50 } as const;
    const { answer, hits } = await answerOf(options, 'Who is the lighthouse keeper?', asked);
    expect(answer).toContain('Odalys');
    expect(prompts[0]?.length).toBeGreaterThan((hits[0]?.text.length ?? 0) * 1.2);
  });
});
