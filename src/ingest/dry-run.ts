import { type MillraceError, toMillraceError } from '../errors.ts';
import type { FoundSource, GivenSource } from './discover.ts';
import { findSources } from './find-sources.ts';
import type { IngestRun } from './ingest-run.ts';
import { looksUnchanged, readKnown } from './known-source.ts';
import { lookAtSource, sourceKey } from './look-at-source.ts';
import { isGone } from './is-gone.ts';

/**
 * Tells what a call would read, skip, refuse and remove, without reading a file, loading a model or writing to the record. What is
 * inside a file is not known before it is read: it may still fail, or turn out to be the same.
 */
export async function lookOnly(
  run: Omit<IngestRun, 'embedder'>,
  sources: Iterable<GivenSource> | AsyncIterable<GivenSource>,
  signal: AbortSignal,
): Promise<void> {
  const { counts } = run;
  let unreachable: MillraceError | undefined;
  for await (const found of findSources(run, sources, signal)) {
    signal.throwIfAborted();
    if (found.kind === 'vanished') {
      if ((await isGone(found.path)) && (await readKnown(run.parts.store, run.collection, found.path)) !== undefined) {
        counts.removed += 1;
        await run.emit({ type: 'document-removed', source: found.path });
      }
    } else if (found.kind === 'unreachable') {
      unreachable ??= found.error;
      counts.found += 1;
      counts.failed += 1;
      counts.unreachable += 1;
      await run.emit({ type: 'document-failed', source: found.given, error: found.error.toJSON() });
    } else {
      counts.found += 1;
      await look(run, found);
    }
  }
  if (unreachable !== undefined && counts.found === counts.unreachable && counts.removed === 0) throw unreachable;
}

async function look(
  { parts, collection, counts, options, factsOf, emit }: Omit<IngestRun, 'embedder'>,
  found: Exclude<FoundSource, { kind: 'unreachable' | 'vanished' }>,
): Promise<void> {
  const key = sourceKey(found);
  try {
    const looked = await lookAtSource(found, factsOf(key), parts.store);
    const known = await readKnown(parts.store, collection, key);
    if (known !== undefined && found.kind === 'file' && options.reread !== true && looksUnchanged(known, looked.source)) {
      counts.skipped += 1;
      return await emit({ type: 'document-skipped', source: key, reason: 'unchanged' });
    }
    counts.indexed += 1;
    counts.bytes += looked.size;
    await emit({ type: 'document-found', source: key, bytes: looked.size });
  } catch (thrown) {
    const error = toMillraceError(thrown, 'E_INTERNAL', key);
    counts.failed += 1;
    await emit({ type: 'document-failed', source: key, error: error.toJSON() });
  }
}
