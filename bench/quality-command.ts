import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { positive } from './option-values.ts';
import { createOutput } from './output.ts';
import { runQualityBench } from './quality-bench.ts';
import {
  answerScenarioNames,
  baselineNames,
  contextModes,
  qualityScenarioNames,
  type QualityScenarioName,
  type QualitySettings,
  retrievalScenarioNames,
  verifyNames,
} from './quality/quality-scenario.ts';

const workFolder = fileURLToPath(new URL('../.millrace/quality', import.meta.url));

interface QualityFlags {
  readonly data: string;
  readonly work: string;
  readonly scenario: readonly QualityScenarioName[];
  readonly model: string;
  readonly embedder: string;
  readonly split: QualitySettings['split'];
  readonly limit?: number;
  readonly seed: number;
  readonly concurrency: number;
  readonly chunks: number;
  readonly baselines: QualitySettings['baselines'];
  readonly verify: QualitySettings['verify'];
  readonly contextMode: QualitySettings['contextMode'];
  readonly home?: string;
  readonly json: boolean;
}

const examples = `
Scenarios without a generator (the default, "retrieval"): ${retrievalScenarioNames.join(', ')}.
Scenarios with one: ${qualityScenarioNames.filter((name) => !retrievalScenarioNames.includes(name)).join(', ')}.

Examples:
  npm run bench -- quality --data ~/data
  npm run bench -- quality --data ~/data --scenario gold,hard-negatives --limit 20
  npm run bench -- quality --data ~/data --scenario answers --baselines phrase,naive
  npm run bench -- quality --data ~/data --scenario examples --model qwen2.5-coder-1.5b
  npm run bench -- quality --data ~/data --scenario all --json > quality.json

The folder of data holds ir-scifact, ir-cacm, ir-cranfield (layout of BEIR), qa-xquad, qa-sec10q and sec-bipia. Documents and answers are
kept in the work folder: a run that was stopped goes on, and answers are taken from there as long as question, models and code are the same.
Questions are those of the split "report", which nothing is tuned on; --split dev is for tuning. Answers over XQuAD are split by paragraph,
everything else by question.`;

export function addQuality(program: Command, signal: AbortSignal): void {
  program
    .command('quality')
    .description('Retrieval, answers, refusals and citations on data sets whose answers are known.')
    .requiredOption('--data <folder>', 'folder with the data sets')
    .option('--work <folder>', 'where documents and answers are kept', workFolder)
    .addOption(
      new Option('--scenario <names>', 'only these, separated by commas; or retrieval, answers, all')
        .argParser(scenarioList)
        .default(retrievalScenarioNames, 'retrieval'),
    )
    .option('--model <name>', 'generator: catalogue id or path', 'qwen2.5-coder-1.5b')
    .option('--embedder <name>', 'embedder: catalogue id or path', 'minilm-l6')
    .addOption(new Option('--split <name>', 'half of the questions').choices(['report', 'dev', 'all']).default('report'))
    .option('--limit <count>', 'most questions of each kind, chosen by the seed', positive)
    .option('--seed <number>', 'of samples and intervals', positive, 1)
    .option('--concurrency <count>', 'questions at the same time', positive, 4)
    .option('--chunks <count>', 'of the scenario latency', positive, 100_000)
    .addOption(
      new Option('--baselines <names>', `plain prompts that gold is compared with: ${baselineNames.join(', ')}, separated by commas`)
        .argParser(baselineList)
        .default(['phrase'], 'phrase'),
    )
    .addOption(new Option('--verify <by>', 'how answers are verified').choices(verifyNames).default('rules'))
    .addOption(new Option('--context-mode <mode>', 'how several passages are read').choices(contextModes).default('each'))
    .option('--home <folder>', 'folder of the models')
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', examples)
    .action(async ({ data, work, scenario, home, json, ...flags }: QualityFlags) => {
      const output = createOutput('quality', json);
      await output.finish(
        await runQualityBench({
          ...flags,
          limit: flags.limit,
          data: path.resolve(data),
          work: path.resolve(work),
          scenarios: scenario,
          ...(home === undefined ? {} : { home }),
          signal,
          ...output,
        }),
      );
    });
}

function baselineList(text: string): QualitySettings['baselines'] {
  const wanted = text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !baselineNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no plain prompt "${unknown}"; there are ${baselineNames.join(', ')}.`);
  }
  return baselineNames.filter((name) => wanted.includes(name));
}

function scenarioList(text: string): readonly QualityScenarioName[] {
  if (text === 'answers') return answerScenarioNames;
  if (text === 'all') return qualityScenarioNames;
  if (text === 'retrieval') return retrievalScenarioNames;
  const wanted = text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !qualityScenarioNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no scenario "${unknown}"; there are ${qualityScenarioNames.join(', ')}.`);
  }
  return qualityScenarioNames.filter((name) => wanted.includes(name));
}
