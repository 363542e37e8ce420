import { createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { reportError, type Terminal } from './terminal.ts';
import { standAlone } from './follow-up.ts';

/**
 * Questions typed one after the other until the end of the input, "exit" or Ctrl-C; the models stay loaded in between. A failing question
 * is reported and does not end the session. Gives the exit code.
 */
export async function askInSession(
  terminal: Terminal,
  input: Readable & { readonly isTTY?: boolean },
  ask: (question: string) => Promise<void>,
): Promise<number> {
  const lines = createInterface({ input, output: process.stderr, terminal: input.isTTY === true });
  const end = () => lines.close();
  terminal.signal.addEventListener('abort', end, { once: true });
  // Ctrl-C at the prompt belongs to readline and would otherwise be lost.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  terminal.error('Ask a question and press Enter; a follow-up may leave out what was said. "exit" ends the session.\n');
  let before: string | undefined;
  let ended = false;
  lines.on('close', () => (ended = true));
  // Lines that were typed ahead are still read after the input has ended.
  const prompt = () => {
    if (!ended) lines.prompt();
  };
  try {
    lines.setPrompt('? ');
    prompt();
    for await (const line of lines) {
      const typed = line.trim();
      if (/^(?:exit|quit)$/i.test(typed)) break;
      if (typed !== '') {
        const question = standAlone(typed, before);
        if (question !== typed) terminal.error(`(asked with the question before: ${question})\n`);
        // The one that stands by itself: a chain of follow-ups would carry every question along.
        if (question === typed) before = typed;
        await ask(question).catch((error: unknown) => {
          if (terminal.signal.aborted) throw error;
          reportError(terminal, error, false);
        });
      }
      prompt();
    }
    terminal.signal.throwIfAborted();
    return 0;
  } finally {
    terminal.signal.removeEventListener('abort', end);
    lines.close();
  }
}
