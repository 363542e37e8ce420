import type { Command } from 'commander';
import type { Mill } from '../../spec/mill.ts';
import { systemClock } from '../../util/clock.ts';
import { numberOption } from '../number-option.ts';
import type { Session } from '../session.ts';
import { describeStatus, type ShownStatus } from '../show-status.ts';
import type { Terminal } from '../terminal.ts';

const clearScreen = '\u001b[H\u001b[2J';

export function addStatus(program: Command, session: Session): void {
  session
    .command(
      program,
      'status',
      'Show collections, models and runs of the directory, and what the process that writes to it is doing.',
      'millrace status --watch',
    )
    .option('--watch', 'show it again and again, until Ctrl-C')
    .option('--interval <seconds>', 'with --watch: how often (default 1)', numberOption({ least: 0.1, most: 3_600, whole: false }))
    .action(
      session.run(async (terminal, { options }) => {
        const mill = await session.open('read');
        const show = async (): Promise<void> => print(terminal, await look(mill), options.json, options.watch === true);
        await show();
        if (options.watch !== true) return 0;
        for (;;) {
          // Ctrl-C is how this is meant to end.
          await systemClock.sleep((options.interval ?? 1) * 1_000, terminal.signal).catch(() => undefined);
          if (terminal.signal.aborted) return 0;
          await show();
        }
      }),
    );
}

async function look(mill: Mill): Promise<ShownStatus> {
  const [status, runs] = await Promise.all([mill.status(), mill.runs.list()]);
  return { ...status, runs: runs.filter(({ state }) => state === 'running' || state === 'interrupted') };
}

function print(terminal: Terminal, status: ShownStatus, json: boolean, watching: boolean): void {
  if (json) terminal.out(`${JSON.stringify(status)}\n`);
  else terminal.out(`${watching && terminal.interactive ? clearScreen : ''}${describeStatus(status)}`);
}
