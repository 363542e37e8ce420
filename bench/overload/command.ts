import { type Command, InvalidArgumentError, Option } from 'commander';
import { positive } from '../option-values.ts';
import { createOutput } from '../output.ts';
import { runOverloadBench } from './overload-bench.ts';

interface OverloadFlags {
  readonly clock: 'virtual' | 'real';
  readonly seconds?: number;
  readonly deadline: number;
  readonly seed: number;
  readonly items: number;
  readonly answerMs: number;
  readonly passageMs: number;
  readonly json: boolean;
}

const help = `
Fake engines of a fixed rate, so that what is measured is admission, order and the cost of the scheduler:
  load       questions that arrive at random, 1x to 10x of what the engine can do: goodput, refusals, what waits
  recovery   half of that after ten times that: how long until answers take as long as in calm
  fairness   a tenant that asks once a second, beside one that asks for ten times what the engine can do
  cost       items through the scheduler alone, and with the fake engine: processor time, memory
The share of the scheduler is its processor time a piece over the time an engine takes for one; the defaults are those of a 135M model
(256 tokens in, 64 out, 8 at a time) and of MiniLM on two cores, from "npm run bench -- engine".

Examples:
  npm run bench -- overload --items 100000
  npm run bench -- overload
  npm run bench -- overload --clock real --seconds 15

Each result is also written to bench/results/.`;

export function addOverload(program: Command, signal: AbortSignal): void {
  program
    .command('overload')
    .description('Goodput, refusals, recovery and fairness beyond what the engine can do; the cost of the scheduler.')
    .addOption(new Option('--clock <kind>', 'time of the loads').choices(['virtual', 'real']).default('virtual'))
    .option('--seconds <count>', 'length of each load (default: 60, with a real clock 15)', positive)
    .option('--deadline <seconds>', 'time in which a question wants its answer', positiveNumber, 5)
    .option('--seed <number>', 'of arrivals and engines', positive, 1)
    .option('--items <count>', 'items through scheduler and fake engine', positive, 1_000_000)
    .option('--answer-ms <ms>', 'engine time of an answer', positiveNumber, 480)
    .option('--passage-ms <ms>', 'engine time of a passage', positiveNumber, 9.8)
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', help)
    .action(async ({ clock, seconds, deadline, seed, items, answerMs, passageMs, json }: OverloadFlags) => {
      const output = createOutput('overload', json);
      await output.finish(
        await runOverloadBench({
          clock,
          durationMs: 1_000 * (seconds ?? (clock === 'virtual' ? 60 : 15)),
          deadlineMs: 1_000 * deadline,
          seed,
          items,
          answerMs,
          passageMs,
          signal,
          ...output,
        }),
      );
    });
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}
