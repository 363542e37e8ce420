import { stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { MillraceError } from '../errors.ts';
import type { HandedSource, IngestSource, Mill } from '../spec/mill.ts';
import { systemClock } from '../util/clock.ts';
import { hashOf } from '../util/hash.ts';
import type { Given, Session } from './session.ts';
import { showIngest } from './show-ingest.ts';
import type { Terminal } from './terminal.ts';

/** Stands in every directory whose documents are there to be measured with, and may be removed. */
const markerName = 'evaluation';

/**
 * Opens where documents that are measured with are kept: the directory that was given, else one of their own for each place they come from
 * and each embedder, inside the directory of the command. They are read again there only where they changed.
 *
 * @throws MillraceError E_USAGE where the given directory holds a record that was made for something else: its documents would be removed
 */
export async function openEvaluation(
  terminal: Terminal,
  session: Session,
  options: Given['options'],
  name: string,
  places: readonly string[],
  overrides: Partial<Config> = {},
): Promise<{ readonly mill: Mill; readonly directory: string }> {
  const { directory: own, embedder } = session.settings();
  const part = `${name.replace(/[^\p{L}\p{N}_.-]+/gu, '-')}-${hashOf({ places, embedder }).slice(0, 8)}`;
  const directory = options.directory ?? join(own, 'eval', part);
  const path = resolve(terminal.workingDirectory, directory);
  const marker = join(path, markerName);
  if (options.directory !== undefined && (await exists(join(path, 'record.sqlite'))) && !(await exists(marker))) {
    throw new MillraceError('E_USAGE', `The directory ${directory} holds a record that was not made for measuring.`, {
      remedy: 'Give a directory that does not exist yet, or leave --directory out.',
    });
  }
  const mill = await session.open('write', { ...overrides, directory });
  await writeFile(marker, 'The documents here are there to be measured with. millrace eval and check remove and replace them.\n');
  return { mill, directory };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

export interface IngestedCorpus {
  /** That are asked, those inside containers included. */
  readonly documents: number;
  /** Sources that could not be read this time. */
  readonly failed: number;
}

/**
 * Brings the collection to what the sources are now: what is no longer among them is removed, and so is the former version of what cannot be
 * read any more, which would answer in its place.
 */
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
  const { failed, quarantined } = await stream.result();
  let documents = 0;
  const gone = new Set<string>();
  let afterKey: string | undefined;
  do {
    const page = await mill.documents.list({ collection: options.collection, ...(afterKey === undefined ? {} : { afterKey }) });
    for (const { key, document, error } of page.sources) {
      // With its container.
      if (isAmong(gone, key)) continue;
      if (!isAmong(found, key) || (error !== null && document !== null)) {
        await mill.documents.remove(key, { collection: options.collection });
        gone.add(key);
      } else if (document !== null) documents += 1;
    }
    afterKey = page.nextKey ?? undefined;
  } while (afterKey !== undefined);
  return { documents, failed: failed + quarantined };
}

/** A file inside a container that did not change is not told of; the container is. What is in a container goes with it. */
function isAmong(found: ReadonlySet<string>, key: string): boolean {
  if (found.has(key)) return true;
  for (let at = key.indexOf('!/'); at !== -1; at = key.indexOf('!/', at + 2)) if (found.has(key.slice(0, at))) return true;
  return false;
}
