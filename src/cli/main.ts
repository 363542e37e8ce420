import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addDemo } from './commands/demo.ts';
import { addDocuments, addIngest } from './commands/documents.ts';
import { addDoctor } from './commands/doctor.ts';
import { addModels } from './commands/models.ts';
import { addAsk, addSearch } from './commands/questions.ts';
import { createSession, type Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** The whole command line. `docs/reference/cli.md` is made from it. */
export function createProgram(given?: Terminal, session?: Session): Command {
  const terminal = given ?? processTerminal(new AbortController().signal);
  return programOf(terminal, session ?? createSession(terminal));
}

function programOf(terminal: Terminal, session: Session): Command {
  const program = new Command('millrace')
    .description('Answers questions over documents on the machine you have.')
    .version(version(), '--version', 'print the version')
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.error })
    .showSuggestionAfterError(true)
    .exitOverride();
  addIngest(program, session);
  addSearch(program, session);
  addAsk(program, session);
  addDocuments(program, session);
  addModels(program, session);
  addDoctor(program, session);
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
  const onOutputError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort(new DOMException('The reader of the output left.', 'AbortError'));
  };
  process.stdout.on('error', onOutputError);
  const terminal = given ?? processTerminal(controller.signal);
  const session = createSession(terminal);
  try {
    await createProgram(terminal, session).parseAsync([...argumentList], { from: 'user' });
    return session.exitCode();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.stdout.off('error', onOutputError);
  }
}

function processTerminal(signal: AbortSignal): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY,
    columns: process.stderr.columns,
    environment: process.env,
    workingDirectory: process.cwd(),
    signal,
  };
}

function version(): string {
  const data: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof data === 'object' && data !== null && 'version' in data ? String(data.version) : 'unknown';
}
