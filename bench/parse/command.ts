import path from 'node:path';
import { type Command, Option } from 'commander';
import { namesOf, positive } from '../option-values.ts';
import { createOutput } from '../output.ts';
import { parseScenarioNames, type ParseScenarioName, runParseBench } from './parse-bench.ts';

interface ParseFlags {
  readonly data: string;
  readonly scenario: readonly ParseScenarioName[];
  readonly runs: number;
  readonly json: boolean;
}

const examples = `
Examples:
  npm run bench -- parse --data ~/data
  npm run bench -- parse --data ~/data --scenario docs,articles --json > result.json

docs: files of many formats, the share that gives text, and word recall against reviewed conversions beside them (expected/<name>.md).
articles: main text of news pages against texts made by hand. hostile: damaged and malicious files, and a good one after each.
large: pages per second of large files. All in one parser process, with its isolation on.`;

export function addParse(program: Command, signal: AbortSignal): void {
  program
    .command('parse')
    .description('Parsers over real, hostile and large documents: text found, recall, pages per second.')
    .requiredOption('--data <folder>', 'folder with parse-docs, parse-html-articles, parse-hostile and parse-large')
    .addOption(
      new Option('--scenario <names>', `only these, separated by commas: ${parseScenarioNames.join(', ')}`)
        .argParser(namesOf(parseScenarioNames))
        .default(parseScenarioNames),
    )
    .option('--runs <count>', 'runs of each large file', positive, 5)
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action(async ({ data, scenario, runs, json }: ParseFlags) => {
      const output = createOutput('parse', json);
      await output.finish(await runParseBench({ data: path.resolve(data), scenarios: scenario, runs, signal, ...output }));
    });
}
