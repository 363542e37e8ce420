import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createOutput, positive } from './output.ts';
import { type QueriesScenario, runQueriesBench, scenarioNames } from './queries-bench.ts';

interface QueriesFlags {
  readonly data: string;
  readonly scenario: readonly QueriesScenario[];
  readonly model: string;
  readonly threads: number;
  readonly runs: number;
  readonly questions: number;
  readonly llamaServer?: string;
  readonly nodeLlamaCpp?: string;
  readonly home?: string;
  readonly json: boolean;
}

const examples = `
Examples:
  npm run bench -- queries --data ~/data
  npm run bench -- queries --data ~/data --scenario xquad --questions 10 --runs 2
  npm run bench -- queries --data ~/data --llama-server ~/llama.cpp/build/bin/llama-server --node-llama-cpp ~/somewhere

Ours are whole questions: retrieval by words, prompt, generation, checked citations, the durable run. The rivals get prompts made of the same
hits, all at once. With xquad-read an earlier process of ours has read the passages; the rivals compute them. The best possible gain of asking together is printed beside the measured one.`;

export function addQueries(program: Command, signal: AbortSignal): void {
  program
    .command('queries')
    .description('Many questions over real documents: together, one at a time, and beside plain requests to others.')
    .requiredOption('--data <folder>', 'folder with ir-scifact (BEIR layout) and qa-xquad/xquad.en.json (SQuAD layout)')
    .addOption(
      new Option('--scenario <names>', `only these, separated by commas: ${scenarioNames.join(', ')}`)
        .argParser(scenarioList)
        .default(scenarioNames),
    )
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--threads <count>', 'compute threads of every contestant', positive, availableParallelism())
    .option('--runs <count>', 'runs of each contestant', positive, 5)
    .option('--questions <count>', 'questions of one run; each run takes the next ones', positive, 40)
    .option('--llama-server <path>', 'measure this llama-server too')
    .option('--node-llama-cpp <folder>', 'folder in which node-llama-cpp is installed')
    .option('--home <folder>', 'folder of the models')
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action(async (flags: QueriesFlags) => {
      const { scenario, llamaServer, nodeLlamaCpp, home, json, ...rest } = flags;
      const output = createOutput('queries', json);
      await output.finish(
        await runQueriesBench({
          ...rest,
          scenarios: scenario,
          ...(llamaServer === undefined ? {} : { llamaServer: path.resolve(llamaServer) }),
          ...(nodeLlamaCpp === undefined ? {} : { nodeLlamaCpp: path.resolve(nodeLlamaCpp) }),
          ...(home === undefined ? {} : { home }),
          signal,
          ...output,
        }),
      );
    });
}

function scenarioList(text: string): QueriesScenario[] {
  const wanted = text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !scenarioNames.some((known) => known === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no scenario "${unknown}"; there are ${scenarioNames.join(', ')}.`);
  return scenarioNames.filter((name) => wanted.includes(name));
}
