import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { runEngineBench } from './engine-bench.ts';
import { namesOf, positive } from './option-values.ts';
import { createOutput } from './output.ts';
import { scenarioNames, type ScenarioName } from './scenarios.ts';

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

export function addEngine(program: Command, signal: AbortSignal): void {
  program
    .command('engine')
    .description('Tokens per second of the local engine: requests in parallel, a shared prefix, embedding.')
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--embedder <name>', 'embedder: catalogue id or path', 'minilm-l6')
    .option('--threads <count>', 'compute threads of every contestant', positive, availableParallelism())
    .option('--runs <count>', 'runs of each contestant (default: 5, with --quick 2)', positive)
    .addOption(new Option('--scenario <names>', 'only these, separated by commas').argParser(namesOf(scenarioNames)))
    .option('--llama-server <path>', 'measure this llama-server too')
    .option('--llama-server-flags <flags>', 'more flags for it, separated by spaces', '')
    .option('--node-llama-cpp <folder>', 'folder in which node-llama-cpp is installed')
    .option('--home <folder>', 'folder of the models')
    .option('--quick', 'two runs, fewer scenarios and texts: for a first look, not for a claim', false)
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action((flags: EngineFlags) => engine(flags, signal));
}

async function engine(flags: EngineFlags, signal: AbortSignal): Promise<void> {
  const { model, embedder, threads, quick, llamaServer, nodeLlamaCpp, home } = flags;
  const output = createOutput('engine', flags.json);
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
    ...output,
  });
  await output.finish(result);
}
