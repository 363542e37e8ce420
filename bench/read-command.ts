import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { positive } from './option-values.ts';
import { createOutput, type Reporting } from './output.ts';
import { type ReadBenchOptions, runReadBench } from './read-bench.ts';

interface ReadFlags extends Omit<ReadBenchOptions, keyof Reporting> {
  readonly json: boolean;
}

const examples = `
Examples:
  npm run bench -- read
  npm run bench -- read --model qwen2.5-coder-1.5b --runs 3

One question on one passage: when nothing was read, when the passage is in the KV cache, when it comes back from memory, and when another
process finds it on disk. The last line tells how often the same question gave the same tokens in all of them: on a busy machine steps are cut
elsewhere, and two words that are nearly as likely may change places.`;

export function addRead(program: Command, signal: AbortSignal): void {
  program
    .command('read')
    .description('First token of a single question on a passage that was read before.')
    .option('--model <name>', 'generator: catalogue id or path', 'smollm2-135m')
    .option('--threads <count>', 'compute threads', positive, availableParallelism())
    .option('--runs <count>', 'passages, each cold once', positive, 5)
    .option('--passage-tokens <count>', 'tokens of the passage', positive, 500)
    .addOption(new Option('--kv-mode <mode>', 'cells for each answer, or shared by all').choices(['split', 'unified']).default('split'))
    .option('--home <folder>', 'folder of the models')
    .option('--json', 'print the result as JSON instead of a table', false)
    .addHelpText('after', examples)
    .action(async ({ json, ...rest }: ReadFlags) => {
      const output = createOutput('read', json);
      await output.finish(await runReadBench({ ...rest, signal, ...output }));
    });
}
