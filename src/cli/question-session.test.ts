import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import { askInSession } from './question-session.ts';
import type { Terminal } from './terminal.ts';

async function session(typed: string, ask: (question: string) => Promise<void>, controller = new AbortController()) {
  const told: string[] = [];
  const terminal: Terminal = {
    out: (text) => told.push(text),
    error: (text) => told.push(text),
    interactive: false,
    environment: {},
    workingDirectory: '.',
    signal: controller.signal,
  };
  const input = new PassThrough();
  input.end(typed);
  return { exitCode: await askInSession(terminal, input, ask), told: told.join('') };
}

describe('a session', () => {
  it('asks line by line until the end of the input, follow-ups with the question before', async () => {
    const asked: string[] = [];
    const { exitCode, told } = await session(
      'What does the family ticket cost?\n\nAnd for groups?\n',
      async (question) => void asked.push(question),
    );
    expect(asked).toEqual(['What does the family ticket cost?', 'What does the family ticket cost? And for groups?']);
    expect(exitCode).toBe(0);
    expect(told).toContain('asked with the question before');
  });

  it('puts each follow-up to the last question that stood alone', async () => {
    const asked: string[] = [];
    await session('What does the family ticket cost?\nAnd for groups?\nAnd in winter?\n', async (question) => void asked.push(question));
    expect(asked.at(-1)).toBe('What does the family ticket cost? And in winter?');
  });

  it('ends with "exit", and goes on after a question that fails', async () => {
    const asked: string[] = [];
    const { told } = await session('one two three\nfour five six\nexit\nnever\n', async (question) => {
      asked.push(question);
      if (asked.length === 1) throw new MillraceError('E_INPUT_INVALID', 'That was no question.');
    });
    expect(asked).toEqual(['one two three', 'four five six']);
    expect(told).toContain('That was no question.');
  });

  it('ends when the command is stopped', async () => {
    const controller = new AbortController();
    const stopping = session('one two three\nfour five six\n', async () => controller.abort(), controller);
    await expect(stopping).rejects.toMatchObject({ name: 'AbortError' });
  });
});
