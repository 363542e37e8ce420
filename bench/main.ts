import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { isMillraceError } from '../src/index.ts';
import { runEngineBench } from './engine-bench.ts';
import { scenarioNames, type ScenarioName } from './scenarios.ts';

const resultsFolder = fileURLToPath(new URL('results', import.meta.url));
const quickScenarios: readonly ScenarioName[] = ['parallel-1', 'parallel-8', 'shared-prefix', 'embed-short', 'embed-long'];

interface EngineFlags {
  readonly model: string;
  readonly embedder: string;
  readonly threads: number;
  readonly runs?: number;
  readonly scenario?: readonly ScenarioName[];
  readonly llamaServer?: string;
  readonly llamaServerFlags: string;
  readonly nodeLlamaCpp?: string;
  readonly home?: string;
  readonly quick: boolean;
  readonly json: boolean;
}

const examples = `
Scenarios: ${scenarioNames.join(', ')}.

Examples:
  npm run bench -- engine --quick
  npm run bench -- engine --scenario parallel-8,shared-prefix --runs 7
  npm run bench -- engine --llama-server ~/llama.cpp/build/bin/llama-server --node-llama-cpp ~/somewhere
  npm run bench -- engine --model qwen2.5-coder-1.5b --json > result.json

Rivals are measured where they are: llama-server when it is pointed to, node-llama-cpp when it is installed or pointed to. Contestants run
in turns, by default five times each; the table gives the median with minimum and maximum. Nothing else should run on the machine.
Each result is also written to bench/results/.`;

function createProgram(signal: AbortSignal): Command {
  const program = new Command('bench').description('Measures millrace beside others.').showSuggestionAfterError(true).exitOverride();
  program
    .command('engine')
    .description('Tokens per second of the local engine: requests in parallel, a shared prefix, embedding.')
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--embedder <name>', 'embedder: catalogue id or path', 'minilm-l6')
    .option('--threads <count>', 'compute threads of every contestant', positive, availableParallelism())
    .option('--runs <count>', 'runs of each contestant (default: 5, with --quick 2)', positive)
    .addOption(new Option('--scenario <names>', 'only these, separated by commas').argParser(scenarioList))
    .option('--llama-server <path>', 'measure this llama-server too')
    .option('--llama-server-flags <flags>', 'more flags for it, separated by spaces', '')
    .option('--node-llama-cpp <folder>', 'folder in which node-llama-cpp is installed')
    .option('--home <folder>', 'folder of the models')
    .option('--quick', 'two runs, fewer scenarios and texts: for a first look, not for a claim', false)
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action((flags: EngineFlags) => engine(flags, signal));
  return program;
}

async function engine(flags: EngineFlags, signal: AbortSignal): Promise<void> {
  const { model, embedder, threads, quick, llamaServer, nodeLlamaCpp, home } = flags;
  const result = await runEngineBench({
    model,
    embedder,
    threads,
    quick,
    runs: flags.runs ?? (quick ? 2 : 5),
    scenarios: flags.scenario ?? (quick ? quickScenarios : scenarioNames),
    llamaServerFlags: flags.llamaServerFlags.split(/\s+/).filter((flag) => flag !== ''),
    ...(llamaServer === undefined ? {} : { llamaServer: path.resolve(llamaServer) }),
    ...(nodeLlamaCpp === undefined ? {} : { nodeLlamaCpp: path.resolve(nodeLlamaCpp) }),
    ...(home === undefined ? {} : { home }),
    signal,
    print: (text) => void (flags.json || process.stdout.write(text)),
    progress: (text) => void (process.stderr.isTTY && process.stderr.write(`\r\u001B[2K${text}\r`)),
  });
  const json = `${JSON.stringify(result, null, 2)}\n`;
  if (flags.json) process.stdout.write(json);
  await mkdir(resultsFolder, { recursive: true });
  const file = path.join(resultsFolder, `engine-${result.startedAt.replaceAll(':', '-')}.local.json`);
  await writeFile(file, json);
  process.stderr.write(`Written to ${path.relative(process.cwd(), file)}\n`);
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}

function scenarioList(text: string): ScenarioName[] {
  const wanted = text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !scenarioNames.some((known) => known === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no scenario "${unknown}"; there are ${scenarioNames.join(', ')}.`);
  return scenarioNames.filter((name) => wanted.includes(name));
}

/** Ctrl-C ends the run and what it started; a second one ends at once. */
async function main(): Promise<number> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new DOMException('Interrupted.', 'AbortError'));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    await createProgram(controller.signal).parseAsync(process.argv);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (controller.signal.aborted) return 130;
    const code = isMillraceError(error) ? `${error.code}: ` : '';
    process.stderr.write(`${code}${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
