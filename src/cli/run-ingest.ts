import type { IngestEvent } from '../spec/events.ts';
import type { Mill } from '../spec/mill.ts';
import { systemClock } from '../util/clock.ts';
import type { Given, Session } from './session.ts';
import { showIngest } from './show-ingest.ts';
import type { Terminal } from './terminal.ts';

/** Options of commands that ingest. */
export type IngestFlags = Given['options'] & {
  readonly read?: boolean;
  readonly prune?: boolean;
  readonly watch?: boolean;
  readonly dryRun?: boolean;
  readonly set?: Readonly<Record<string, string | number | boolean | null>>;
  readonly metadata?: string;
  readonly null?: boolean;
  readonly batchSize?: number;
  readonly maxConcurrentFiles?: number;
};

/** Shows an ingestion to its end and gives the exit code: 3 where some sources, or vectors of some chunks, failed. */
export async function runIngest(
  terminal: Terminal,
  session: Session,
  options: Given['options'] & { readonly nothing?: string },
  stream: ReturnType<Mill['ingest']>,
  onEvent: (event: IngestEvent) => void = () => undefined,
): Promise<number> {
  const show = showIngest(terminal, systemClock, options);
  let committed = 0;
  session.keeps(
    () => `${committed === 1 ? '1 document is' : `${committed} documents are`} committed and kept; repeat the command to go on.`,
  );
  for await (const event of stream) {
    if (options.json) terminal.out(`${JSON.stringify(event)}\n`);
    else show(event);
    if (event.type === 'document-committed') committed += 1;
    onEvent(event);
    if (options.json && event.type === 'ingest-failed') session.failureTold();
  }
  const { failed, quarantined, unembedded } = await stream.result();
  return failed + quarantined > 0 || unembedded !== undefined ? 3 : 0;
}
