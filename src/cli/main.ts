import { Command, CommanderError } from 'commander';
import { addDemo } from './commands/demo.ts';
import { addDocuments, addIngest } from './commands/documents.ts';
import { addModels } from './commands/models.ts';
import { addAsk, addSearch } from './commands/questions.ts';
import { createSession, type Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** The whole command line. `docs/reference/cli.md` is made from it. */
export function createProgram(session: Session = createSession(processTerminal(new AbortController().signal))): Command {
  const program = new Command('millrace')
    .description('Answers questions over documents on the machine you have.')
    .showSuggestionAfterError(true)
    .exitOverride();
  addIngest(program, session);
  addSearch(program, session);
  addAsk(program, session);
  addDocuments(program, session);
  addModels(program, session);
  addDemo(program, session);
  return program;
}

/** Runs one command line and gives its exit code. Ctrl-C stops cleanly, a second one at once. */
export async function main(argumentList: readonly string[], given?: Terminal): Promise<number> {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new DOMException('Interrupted.', 'AbortError'));
  };
  process.on('SIGINT', onInterrupt);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort(new DOMException('The reader of the output left.', 'AbortError'));
  });
  const session = createSession(given ?? processTerminal(controller.signal));
  try {
    await createProgram(session).parseAsync([...argumentList], { from: 'user' });
    return session.exitCode();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

function processTerminal(signal: AbortSignal): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY,
    environment: process.env,
    workingDirectory: process.cwd(),
    signal,
  };
}
