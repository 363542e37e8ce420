import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MillraceError } from '../errors.ts';
import { abortable } from '../util/abortable.ts';
import { discover, namesNothing, type FoundSource, type GivenSource, type Root } from './discover.ts';
import type { IngestParts, IngestRun } from './ingest-run.ts';
import { isGone } from './is-gone.ts';
import { createMissingFolders, type MissingFolders } from './missing-folders.ts';
import { vanishedBelow } from './vanished.ts';
import { startWatching, type Watcher } from './watch.ts';

/** Folders and patterns that one call can prune or watch. */
const maxRoots = 10_000;
const pagePending = 100;

type Sources = Iterable<GivenSource> | AsyncIterable<GivenSource>;

/**
 * All that one call has to look at: what was accepted and not yet read, what the caller named, with `prune` what is gone below it, with
 * `watch` what changes from then on, until the signal is aborted.
 */
export async function* findSources(
  run: Pick<IngestRun, 'parts' | 'options' | 'collection' | 'counts' | 'limits'>,
  sources: Sources,
  signal: AbortSignal,
): AsyncGenerator<FoundSource> {
  const { parts, options, collection, counts } = run;
  if (options.dryRun !== true) yield* pendingSources(parts, collection);
  const roots: Root[] = [];
  const watched = options.watch === true ? await watchGiven(run, sources, signal) : undefined;
  const missing = createMissingFolders(parts.store, collection);
  try {
    const given = watched?.given ?? sources;
    for await (const source of abortable(discover(given, { workingDirectory: parts.workingDirectory, onRoot }), signal)) {
      const seen = options.prune === true ? await asVanished(parts, collection, missing, source) : source;
      if (seen !== undefined) yield seen;
    }
    if (options.prune === true) yield* vanishedBelow(parts.store, collection, roots);
    counts.allFound = true;
    if (watched === undefined) return;
    for await (const change of abortable(watched.watcher.changes(), signal)) {
      if (change.kind === 'look-again') yield* vanishedBelow(parts.store, collection, roots);
      else yield change;
    }
  } finally {
    await watched?.watcher.close();
  }

  function onRoot(root: Root): void {
    if (options.prune !== true && options.watch !== true) return;
    // Single files are covered by themselves.
    if (!root.isFolder && options.watch !== true) return;
    roots.push(root);
    if (roots.length <= maxRoots) return;
    throw new MillraceError(
      'E_INPUT_INVALID',
      `More than ${maxRoots} folders were named; so many cannot be pruned or watched in one call.`,
    );
  }
}

/** What a program handed over to be kept, page by page. */
async function* pendingSources({ store }: IngestParts, collection: string): AsyncGenerator<FoundSource> {
  let afterKey = '';
  for (;;) {
    const page = await store.listPending(collection, { afterKey, limit: pagePending });
    for (const record of page) if (record.blob !== null) yield { kind: 'kept', record, blob: record.blob };
    const last = page.at(-1);
    if (last === undefined || page.length < pagePending) return;
    afterKey = last.key;
  }
}

/**
 * A path that is gone and in the record is no mistake of the caller when what is gone is to be removed. What the record names of a folder that
 * is itself gone stays, and the folder is told once: undefined for the rest of its files.
 */
async function asVanished(
  { workingDirectory, store }: IngestParts,
  collection: string,
  missing: MissingFolders,
  source: FoundSource,
): Promise<FoundSource | undefined> {
  if (source.kind !== 'unreachable' && (source.kind !== 'file' || source.recorded === undefined)) return source;
  const path = source.kind === 'file' ? source.path : resolve(workingDirectory, source.given);
  if (!(await isGone(path))) return source;
  const folder = source.kind === 'file' ? await missing.above(path) : undefined;
  if (folder !== undefined) return folder.isNew ? { kind: 'unreachable', given: folder.path, error: folder.error } : undefined;
  return (await store.readSource(collection, path)) === undefined ? source : { kind: 'vanished', path };
}

/** Watching begins before the first look, so that no change falls between the two. */
async function watchGiven(
  { parts, limits }: Pick<IngestRun, 'parts' | 'limits'>,
  sources: Sources,
  signal: AbortSignal,
): Promise<{ readonly given: readonly string[]; readonly watcher: Watcher }> {
  const given: string[] = [];
  for await (const source of abortable(sources, signal)) {
    if (typeof source !== 'string') {
      throw new MillraceError('E_INPUT_INVALID', 'Only paths, folders and patterns can be watched, not what the program hands over.');
    }
    given.push(source);
    if (given.length > maxRoots) throw new MillraceError('E_INPUT_INVALID', `More than ${maxRoots} paths cannot be watched in one call.`);
  }
  const roots: Root[] = [];
  // Only where they begin: the files are found afterwards.
  for (const one of given) {
    if (namesNothing(one)) continue;
    const path = resolve(parts.workingDirectory, one);
    const status = await stat(path).catch(() => undefined);
    if (status !== undefined) roots.push({ path, isFolder: status.isDirectory() });
    else for await (const _file of discover([one], { workingDirectory: parts.workingDirectory, onRoot: (root) => roots.push(root) })) break;
  }
  return { given, watcher: await startWatching(roots, limits, parts.clock) };
}
