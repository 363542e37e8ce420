import type { Command } from 'commander';
import type { Mill } from '../../spec/mill.ts';
import { systemClock } from '../../util/clock.ts';
import type { Given, Session } from '../session.ts';
import { showRead } from '../show-read.ts';
import type { Terminal } from '../terminal.ts';

export function addRead(program: Command, session: Session): void {
  session
    .command(
      program,
      'read <documents...>',
      'Read documents ahead: their passages are computed and kept, so that questions about them are answered sooner. Ctrl-C stops; the same command goes on.',
      'millrace read docs/rules.pdf\n  millrace read docs reports --estimate',
    )
    .option('--estimate', 'read one passage, tell what reading all would take, and end')
    .action(session.run(async (terminal, { paths, options }) => runRead(terminal, session, await session.open('read'), paths, options)));
}

/** Shows reading to its end. */
export async function runRead(
  terminal: Terminal,
  session: Session,
  mill: Mill,
  documents: readonly string[],
  options: Given['options'] & { readonly estimate?: boolean },
): Promise<number> {
  const show = showRead(terminal, systemClock, options);
  const stream = mill.read(documents, {
    collection: options.collection,
    signal: terminal.signal,
    ...(options.estimate === true ? { estimate: true } : {}),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  let read = 0;
  session.keeps(() => `${read === 1 ? '1 passage is' : `${read} passages are`} read and kept; repeat the command to go on.`);
  for await (const event of stream) {
    if (event.type === 'passage-read') read += 1;
    if (options.json) terminal.out(`${JSON.stringify(event)}\n`);
    else show(event);
    if (options.json && event.type === 'read-failed') session.failureTold();
  }
  await stream.result();
  return 0;
}
