import { join, resolve } from 'node:path';
import type { HandedSource, IngestSource, Mill } from '../spec/mill.ts';
import { systemClock } from '../util/clock.ts';
import { hashOf } from '../util/hash.ts';
import type { Given, Session } from './session.ts';
import { showIngest } from './show-ingest.ts';
import type { Terminal } from './terminal.ts';

/**
 * Where documents that are measured with are kept: the directory that was given, else one of their own for each place they come from and
 * each embedder, inside the directory of the command. They are read again there only where they changed.
 */
export function evaluationDirectory(session: Session, options: Given['options'], name: string, places: readonly string[]): string {
  if (options.directory !== undefined) return options.directory;
  const { directory, embedder } = session.settings();
  return join(directory, 'eval', `${name.replace(/[^\p{L}\p{N}_.-]+/gu, '-')}-${hashOf({ places, embedder }).slice(0, 8)}`);
}

export interface IngestedCorpus {
  readonly documents: number;
  readonly failed: number;
}

/** Brings the collection to what the sources are now: what is no longer among them is removed. */
export async function ingestCorpus(
  terminal: Terminal,
  mill: Mill,
  sources: AsyncIterable<HandedSource> | readonly string[],
  options: Given['options'] & { readonly embed: boolean },
): Promise<IngestedCorpus> {
  const quiet = options.quiet || options.json;
  const show = showIngest({ ...terminal, out: quiet ? () => undefined : terminal.error }, systemClock, { quiet, verbose: false });
  const paths = Array.isArray(sources) ? sources.map((path: string) => resolve(terminal.workingDirectory, path)) : sources;
  const found = new Set<string>();
  const stream = mill.ingest(paths as AsyncIterable<IngestSource>, {
    collection: options.collection,
    embed: options.embed,
    signal: terminal.signal,
  });
  for await (const event of stream) {
    if (event.type === 'document-found' || event.type === 'document-failed') found.add(event.source);
    if (!quiet) show(event);
  }
  const { failed } = await stream.result();
  let afterKey: string | undefined;
  do {
    const page = await mill.documents.list({ collection: options.collection, ...(afterKey === undefined ? {} : { afterKey }) });
    for (const { key } of page.sources) if (!found.has(key)) await mill.documents.remove(key, { collection: options.collection });
    afterKey = page.nextKey ?? undefined;
  } while (afterKey !== undefined);
  return { documents: found.size, failed };
}
