import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** Whether any of the paths, folders and patterns is there. Ends at the first file, and makes no directory. */
export async function namesAnything(terminal: Terminal, session: Session, paths: readonly string[]): Promise<boolean> {
  const mill = await session.open('look');
  for await (const event of mill.ingest([...paths], { dryRun: true, signal: terminal.signal })) {
    if (event.type === 'document-found') break;
    if (event.type === 'ingest-failed') return event.error.code !== 'E_SOURCE_MISSING';
  }
  return true;
}
