import { sep } from 'node:path';
import type { SourceRecord, Store } from '../spec/store.ts';
import type { FoundSource, Root } from './discover.ts';
import type { IngestRun } from './ingest-run.ts';
import { isGone } from './is-gone.ts';
import { createPatternTest } from './pattern.ts';

const pageSources = 1_000;

/** Whether a path is covered by one of the roots. */
export function createRootFilter(roots: readonly Root[]): (path: string) => boolean {
  const tests = roots.map(({ path: root, isFolder, pattern }) => {
    const below = root.endsWith(sep) ? root : `${root}${sep}`;
    const matches = pattern === undefined ? () => true : createPatternTest(root, pattern);
    return (path: string): boolean => (isFolder ? path.startsWith(below) && matches(path) : path === root);
  });
  return (path) => tests.some((test) => test(path));
}

/** Files of the record below the roots that are gone from the disk. A root that is itself gone may be a disk that is not there: nothing. */
export async function* vanishedBelow(store: Store, collection: string, roots: readonly Root[]): AsyncGenerator<FoundSource> {
  const present: Root[] = [];
  for (const root of roots) if (!root.isFolder || !(await isGone(root.path))) present.push(root);
  const isCovered = createRootFilter(present);
  let afterKey = '';
  for (;;) {
    const page = await store.listSources(collection, { afterKey, limit: pageSources });
    const paths = [...new Set(page.filter(({ uri }) => uri.startsWith('file:')).map(fileOf))].filter(isCovered);
    const gone = await Promise.all(paths.map(isGone));
    for (const [index, path] of paths.entries()) if (gone[index] === true) yield { kind: 'vanished', path };
    const last = page.at(-1);
    if (last === undefined || page.length < pageSources) return;
    afterKey = last.key;
  }
}

/** The file that a source is, or lies in: a container that was not read to its end is known by its files only. */
function fileOf({ key, mtime }: SourceRecord): string {
  return mtime === null ? (key.split('!/', 1)[0] ?? key) : key;
}

/** Removes the source of a path that is gone, and what it contained. One that has come back meanwhile stays. */
export async function removeVanished({ parts, collection, counts, emit }: IngestRun, path: string): Promise<void> {
  if (!(await isGone(path))) return;
  const { store, clock, faults } = parts;
  const [outcome] = await store.commit([{ type: 'removeSource', collection, key: path, at: clock.now() }]);
  if (outcome?.done !== true) return;
  faults?.reach('source-vanished');
  for (const source of outcome.removed ?? []) {
    counts.removed += 1;
    await emit({ type: 'document-removed', source });
  }
}
