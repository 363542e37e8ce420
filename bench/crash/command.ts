import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { createSeededRandom } from '../../src/testing/index.ts';
import { alignColumns } from '../../src/util/align-columns.ts';
import { describeMachine } from '../machine.ts';
import { positive } from '../option-values.ts';
import { createOutput } from '../output.ts';
import { createCrashRounds } from './rounds.ts';

const help = `
A process ingests, keeps uploads, purges and backs up until kill -9 comes at a random moment; the next one verifies the whole record and
looks for what was acknowledged, and goes on. All of it is checked once more at the end.

Examples:
  npm run bench -- crash
  npm run bench -- crash --kills 1000 --seed 7

The result is also written to bench/results/.`;

export function addCrash(program: Command, signal: AbortSignal): void {
  program
    .command('crash')
    .description('kill -9 at random moments of ingestion: what was acknowledged and lost, duplicates, time to start again.')
    .option('--kills <count>', 'lives that are ended', positive, 50)
    .option('--seed <number>', 'of moments and documents', positive, 1)
    .option('--json', 'print the result as JSON instead of a table', false)
    .addHelpText('after', help)
    .action(async ({ kills, seed, json }: { readonly kills: number; readonly seed: number; readonly json: boolean }) => {
      const output = createOutput('crash', json);
      const startedAt = new Date().toISOString();
      const root = await mkdtemp(path.join(tmpdir(), 'millrace-bench-crash-'));
      try {
        const random = createSeededRandom(seed);
        const crashing = createCrashRounds(root, () => random.float(), { ...process.env, NODE_COMPILE_CACHE: path.join(root, 'compiled') });
        while (crashing.figures().kills < kills && !signal.aborted) {
          output.progress(`${crashing.figures().kills} of ${kills} kills`);
          await crashing.live({ afterLines: 1 + Math.floor(random.float() * 24) });
        }
        // Interrupted, too: what was acknowledged until then is checked, and its figures are told.
        await crashing.live(undefined);
        const { acknowledged, problems, longestOpenMs, ...figures } = crashing.figures();
        output.print(
          `${alignColumns([
            [`seed ${seed}`, ''],
            ['lives', String(figures.lives)],
            ['kills', String(figures.kills)],
            ['acknowledged', String(acknowledged)],
            ['lost, duplicated or damaged', String(problems.length)],
            ['longest start, ms', longestOpenMs.toFixed(0)],
          ])}\n`,
        );
        for (const problem of problems) output.print(`${problem}\n`);
        const { lives, kills: killed } = figures;
        const result = { startedAt, machine: describeMachine(), seed, lives, kills: killed, acknowledged, problems, longestOpenMs };
        await output.finish(result);
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    });
}
