import { MillraceError } from '../errors.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** What is wrong where none of the paths, folders and patterns is there (E_SOURCE_MISSING). Ends at the first file, and makes no directory. */
export async function missingSources(terminal: Terminal, session: Session, paths: readonly string[]): Promise<MillraceError | undefined> {
  const mill = await session.open('look');
  for await (const event of mill.ingest([...paths], { dryRun: true, signal: terminal.signal })) {
    if (event.type === 'document-found') break;
    if (event.type === 'ingest-failed' && event.error.code === 'E_SOURCE_MISSING')
      return MillraceError.fromJSON(event.error as Parameters<typeof MillraceError.fromJSON>[0]);
  }
  return undefined;
}
