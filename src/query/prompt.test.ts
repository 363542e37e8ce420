import { describe, expect, it } from 'vitest';
import { answerPrompt, promptVersion, refusal } from './prompt.ts';

describe('answerPrompt', () => {
  it('puts what is the same for every question first, and the question last', () => {
    const one = answerPrompt('How many?', ['[1]\nOne.\n\n', '[2]\nTwo.\n\n']);
    const two = answerPrompt('How long?', ['[1]\nThree.\n\n']);
    expect(one.prompt.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    const stable = (prompt: typeof one) => prompt.prompt.messages.flatMap(({ parts }) => parts).slice(0, prompt.prefixParts);
    expect(stable(one)).toEqual(stable(two));
    expect(one.prompt.messages.at(-1)?.parts.at(-1)).toContain('How many?');
  });

  it('keeps every passage a part of its own, so that its tokens do not depend on its neighbours', () => {
    const passages = ['[1]\nOne.\n\n', '[2]\nTwo.\n\n'];
    expect(answerPrompt('How many?', passages).prompt.messages[1]?.parts).toEqual(expect.arrayContaining(passages));
  });

  it('names the words of a refusal', () => {
    expect(answerPrompt('How many?', []).prompt.messages[0]?.parts.join('')).toContain(refusal);
    expect(promptVersion).toBeGreaterThan(0);
  });
});
