import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { namesOf, positive, resolvedPath } from './option-values.ts';
import { createOutput, type Reporting } from './output.ts';
import { runTableBench, type TableBenchOptions, tableScenarioNames, type TableScenarioName } from './table-bench.ts';

interface TableFlags extends Omit<TableBenchOptions, 'scenarios' | keyof Reporting> {
  readonly scenario: readonly TableScenarioName[];
  readonly json: boolean;
}

const examples = `
Scenarios:
  table  every question for every document, 300 to 1,000 tokens each, answers of at most 32
  note   20 questions at once over one document of 512 tokens, answers of at most 12: all must settle

Examples:
  npm run bench -- table --documents 2 --questions 5 --runs 1
  npm run bench -- table --documents 20 --runs 5
  npm run bench -- table --llama-server ~/llama.cpp/build/bin/llama-server
  npm run bench -- table --scenario note --model qwen2.5-coder-1.5b --json

The first line is the whole product: the durable run, reading, generation, checked quotes. The others are plain requests, to our engine and to
llama-server, document by document, which is its best order; it answers with its prompt cache on, in the way that was faster for a document
tried before. Cells a second stand below each table. Documents are as long in every run and for everybody; without reuse there are fewer.
With llama-server the defaults take about six minutes on two cores that compute 500 tokens a second.`;

export function addTable(program: Command, signal: AbortSignal): void {
  program
    .command('table')
    .description('A table of documents and questions: cells a second, with and without reuse of the document.')
    .addOption(
      new Option('--scenario <names>', `only these, separated by commas: ${tableScenarioNames.join(', ')}`)
        .argParser(namesOf(tableScenarioNames))
        .default(tableScenarioNames),
    )
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--threads <count>', 'compute threads of every contestant', positive, availableParallelism())
    .option('--runs <count>', 'runs of each contestant', positive, 3)
    .option('--documents <count>', 'documents of one run', positive, 6)
    .option('--questions <count>', 'questions of each document, at most 10', positive, 10)
    .addOption(new Option('--kv-mode <mode>', 'cells of our engine').choices(['split', 'unified']).default('split'))
    .option('--data <folder>', 'folder with qa-xquad/xquad.en.json (SQuAD layout): its articles instead of made texts')
    .option('--llama-server <path>', 'measure this llama-server too', resolvedPath)
    .option('--home <folder>', 'folder of the models')
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action(async ({ scenario, json, ...rest }: TableFlags) => {
      const output = createOutput('table', json);
      await output.finish(await runTableBench({ ...rest, scenarios: scenario, signal, ...output }));
    });
}
