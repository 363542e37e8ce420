import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { KvMode } from '../src/index.ts';
import { createOutput, positive } from './output.ts';
import { runTableBench, tableScenarioNames, type TableScenarioName } from './table-bench.ts';

interface TableFlags {
  readonly scenario: readonly TableScenarioName[];
  readonly model: string;
  readonly threads: number;
  readonly runs: number;
  readonly documents: number;
  readonly questions: number;
  readonly kvMode: KvMode;
  readonly data?: string;
  readonly llamaServer?: string;
  readonly home?: string;
  readonly json: boolean;
}

const examples = `
Scenarios:
  table  every question for every document, 300 to 1,000 tokens each, answers of at most 32
  note   20 questions at once over one document of 512 tokens, answers of at most 12: all must settle

Examples:
  npm run bench -- table --documents 4 --questions 5 --runs 1
  npm run bench -- table --llama-server ~/llama.cpp/build/bin/llama-server
  npm run bench -- table --scenario note --model qwen2.5-coder-1.5b --json

The first line is the whole product: the durable run, reading, generation, checked quotes. The others are plain requests, to our engine and to
llama-server, document by document, which is its best order; it answers with its prompt cache on. Cells a second stand below each table.`;

export function addTable(program: Command, signal: AbortSignal): void {
  program
    .command('table')
    .description('A table of documents and questions: cells a second, with and without reuse of the document.')
    .addOption(
      new Option('--scenario <names>', `only these, separated by commas: ${tableScenarioNames.join(', ')}`)
        .argParser(scenarioList)
        .default(tableScenarioNames),
    )
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--threads <count>', 'compute threads of every contestant', positive, availableParallelism())
    .option('--runs <count>', 'runs of each contestant', positive, 5)
    .option('--documents <count>', 'documents of one run', positive, 20)
    .option('--questions <count>', 'questions of each document, at most 10', positive, 10)
    .addOption(new Option('--kv-mode <mode>', 'cells of our engine').choices(['split', 'unified']).default('split'))
    .option('--data <folder>', 'folder with qa-xquad/xquad.en.json (SQuAD layout): its articles instead of made texts')
    .option('--llama-server <path>', 'measure this llama-server too')
    .option('--home <folder>', 'folder of the models')
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action(async ({ scenario, llamaServer, json, ...rest }: TableFlags) => {
      const output = createOutput('table', json);
      const server = llamaServer === undefined ? {} : { llamaServer: path.resolve(llamaServer) };
      await output.finish(await runTableBench({ ...rest, scenarios: scenario, ...server, signal, ...output }));
    });
}

function scenarioList(text: string): TableScenarioName[] {
  const wanted = text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !tableScenarioNames.some((known) => known === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no scenario "${unknown}"; there are ${tableScenarioNames.join(', ')}.`);
  return tableScenarioNames.filter((name) => wanted.includes(name));
}
