import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { type MixedBenchOptions, runMixedBench } from './mixed-bench.ts';
import { positive, resolvedPath } from './option-values.ts';
import { createOutput, type Reporting } from './output.ts';

interface MixedFlags extends Omit<MixedBenchOptions, 'everyMs' | 'aloneMs' | keyof Reporting> {
  readonly every: number;
  readonly alone: number;
  readonly json: boolean;
}

const examples = `
Examples:
  npm run bench -- mixed --data ~/data
  npm run bench -- mixed --data ~/data --count 5 --every 5 --alone 20
  npm run bench -- mixed --data ~/data --llama-server ~/llama.cpp/build/bin/llama-server

Rates are computed tokens a second, whoever asked for them. "lost" is the share of the batch's own rate that neither the batch nor the
questions had while both ran; its own rate is the mean of before and after.`;

export function addMixed(program: Command, signal: AbortSignal): void {
  program
    .command('mixed')
    .description('First token of interactive questions while a batch fills the machine.')
    .requiredOption('--data <folder>', 'folder with ir-scifact (BEIR layout)')
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--threads <count>', 'compute threads of every contestant', positive, availableParallelism())
    .option('--count <count>', 'interactive questions', positive, 20)
    .option('--every <seconds>', 'time between two of them', positive, 15)
    .option('--alone <seconds>', 'how long the batch runs alone, half of it before and half after', positive, 60)
    .option('--llama-server <path>', 'measure this llama-server too', resolvedPath)
    .option('--home <folder>', 'folder of the models')
    .option('--json', 'print the result as JSON instead of a table', false)
    .addHelpText('after', examples)
    .action(async ({ every, alone, json, ...rest }: MixedFlags) => {
      const output = createOutput('mixed', json);
      await output.finish(await runMixedBench({ ...rest, everyMs: every * 1_000, aloneMs: alone * 1_000, signal, ...output }));
    });
}
