import { Command, CommanderError } from 'commander';
import { isMillraceError } from '../src/index.ts';
import { addCrash } from './crash/command.ts';
import { addEngine } from './engine-command.ts';
import { addIngest } from './ingest/command.ts';
import { addMixed } from './mixed-command.ts';
import { addOverload } from './overload/command.ts';
import { addQuality } from './quality-command.ts';
import { addParse } from './parse/command.ts';
import { addQueries } from './queries-command.ts';
import { addRead } from './read-command.ts';
import { addTable } from './table-command.ts';

function createProgram(signal: AbortSignal): Command {
  const program = new Command('bench').description('Measures millrace beside others.').showSuggestionAfterError(true).exitOverride();
  for (const add of [addRead, addEngine, addQueries, addMixed, addOverload, addQuality, addTable, addIngest, addCrash, addParse])
    add(program, signal);
  return program;
}

/** Ctrl-C ends the run and what it started, and what was measured by then is printed; a second one ends at once. */
async function main(): Promise<number> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new DOMException('Interrupted.', 'AbortError'));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    await createProgram(controller.signal).parseAsync(process.argv);
    return controller.signal.aborted ? 130 : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (controller.signal.aborted) return 130;
    const code = isMillraceError(error) ? `${error.code}: ` : '';
    process.stderr.write(`${code}${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
