import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { namesOf, positive, resolvedPath } from './option-values.ts';
import { createOutput, type Reporting } from './output.ts';
import { type QueriesBenchOptions, type QueriesScenario, runQueriesBench, scenarioNames } from './queries-bench.ts';

interface QueriesFlags extends Omit<QueriesBenchOptions, 'scenarios' | keyof Reporting> {
  readonly scenario: readonly QueriesScenario[];
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
        .argParser(namesOf(scenarioNames))
        .default(scenarioNames),
    )
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--threads <count>', 'compute threads of every contestant', positive, availableParallelism())
    .option('--runs <count>', 'runs of each contestant', positive, 5)
    .option('--questions <count>', 'questions of one run; each run takes the next ones', positive, 40)
    .option('--llama-server <path>', 'measure this llama-server too', resolvedPath)
    .option('--node-llama-cpp <folder>', 'folder in which node-llama-cpp is installed', resolvedPath)
    .option('--home <folder>', 'folder of the models')
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action(async ({ scenario, json, ...rest }: QueriesFlags) => {
      const output = createOutput('queries', json);
      await output.finish(await runQueriesBench({ ...rest, scenarios: scenario, signal, ...output }));
    });
}
