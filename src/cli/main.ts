import { Command, CommanderError } from 'commander';
import { errorCatalogue, MillraceError } from '../errors.ts';
import { addCheck } from './commands/check.ts';
import { addCompare } from './commands/compare.ts';
import { addDemo } from './commands/demo.ts';
import { addDocuments } from './commands/documents.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEval } from './commands/eval.ts';
import { addIngest } from './commands/ingest.ts';
import { addModels } from './commands/models.ts';
import { addRead } from './commands/read.ts';
import { addAsk, addSearch } from './commands/questions.ts';
import { addRuns } from './commands/runs.ts';
import { addTable } from './commands/table.ts';
import { addStatus } from './commands/status.ts';
import { openProcessTerminal, plainTerminal, type ProcessTerminal } from './process-terminal.ts';
import { createSession, type Session } from './session.ts';
import { reportError, type Terminal } from './terminal.ts';
import { packageVersion } from './versions.ts';

/** The whole command line. `docs/reference/cli.md` is made from it. */
export function createProgram(given?: Terminal, session?: Session): Command {
  const terminal = given ?? plainTerminal(new AbortController().signal);
  return programOf(terminal, session ?? createSession(terminal));
}

function programOf(terminal: Terminal, session: Session): Command {
  const program = new Command('millrace')
    .description('Answers questions over documents on the machine you have.')
    .version(packageVersion(), '--version', 'print the version')
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.error })
    .showSuggestionAfterError(true)
    .showHelpAfterError(errorCatalogue.E_USAGE.remedy)
    .exitOverride();
  addIngest(program, session);
  addRead(program, session);
  addSearch(program, session);
  addAsk(program, session);
  addTable(program, session);
  addCompare(program, session);
  addRuns(program, session);
  addEval(program, session);
  addCheck(program, session);
  addDocuments(program, session);
  addStatus(program, session);
  addModels(program, session);
  addDoctor(program, session);
  addDemo(program, session);
  return program;
}

/** Runs one command line and gives its exit code. Ctrl-C stops cleanly, a second one at once. */
export async function main(argumentList: readonly string[], given?: Terminal): Promise<number> {
  if (given !== undefined) return runProgram(argumentList, given);
  let terminal: ProcessTerminal;
  try {
    terminal = openProcessTerminal();
  } catch (error) {
    const streams = { out: (text: string) => void process.stdout.write(text), error: (text: string) => void process.stderr.write(text) };
    return reportError(streams, error, isJsonWanted(argumentList));
  }
  return terminal.end(await runProgram(argumentList, terminal));
}

async function runProgram(argumentList: readonly string[], terminal: Terminal): Promise<number> {
  const session = createSession(terminal);
  const json = isJsonWanted(argumentList);
  try {
    await createProgram(json ? { ...terminal, error: () => undefined } : terminal, session).parseAsync([...argumentList], { from: 'user' });
    return session.exitCode();
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(terminal, error, json);
    if (error.exitCode === 0) return 0;
    return json ? reportError(terminal, usageError(error), json) : errorCatalogue.E_USAGE.exitCode;
  }
}

function isJsonWanted(argumentList: readonly string[]): boolean {
  const end = argumentList.indexOf('--');
  return argumentList.slice(0, end === -1 ? undefined : end).includes('--json');
}

/** What is wrong with the command line, in one sentence or two. */
function usageError(error: CommanderError): MillraceError {
  const said = error.code === 'commander.help' ? 'No command was given.' : error.message.replace(/^error: /u, '').replaceAll(/\s+/gu, ' ');
  return new MillraceError('E_USAGE', `${said.charAt(0).toUpperCase()}${said.slice(1).replace(/[^.?!)]$/u, '$&.')}`);
}
