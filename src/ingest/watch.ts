import { dirname, relative, sep } from 'node:path';
import { MillraceError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { createDeferred, type Deferred } from '../util/deferred.ts';
import { filesBelow, type FoundSource, type Root } from './discover.ts';
import { createFreshFolders } from './fresh-folders.ts';
import { createIgnoreFilter } from './ignore-rules.ts';
import type { WatchLimits } from './ingest-run.ts';
import { untilQuiet } from './until-quiet.ts';
import { createRootFilter } from './vanished.ts';
import { unreadableFolder } from './walk-folder.ts';

/** An error: what has come cannot be looked at. */
type Change = 'written' | 'gone' | Error;

/**
 * What is told at once waits so many times as long as a file settles, for what is told only then: where one is gone its new name, where a
 * folder is new the files that came into it.
 */
const settleTimes = 2;

export interface Watcher {
  /** What changed since watching began, batch by batch: what is new or written first, what is gone last. Ends with `close`. */
  changes(): AsyncGenerator<FoundSource | { readonly kind: 'look-again' }>;
  close(): Promise<void>;
}

/**
 * Watches folders and files, from when it resolves. Left out is what walking a folder leaves out: names that begin with a dot,
 * `node_modules`, what ignore files name.
 * @throws MillraceError E_SOURCE_UNREADABLE where the system lets no more folders be watched
 */
export async function startWatching(
  roots: readonly Root[],
  limits: WatchLimits,
  clock: Pick<Clock, 'sleep' | 'monotonic'>,
): Promise<Watcher> {
  const { watch: watchPaths } = await import('chokidar');
  const pending = new Map<string, { readonly change: Change; readonly at: number }>();
  const isCovered = createRootFilter(roots);
  const waitMs = settleTimes * limits.watchSettleMs;
  const fresh = createFreshFolders({ clock, waitMs, settleMs: limits.watchSettleMs, most: limits.watchedChanges, isCovered });
  let overflowed = false;
  let failure: MillraceError | undefined;
  let isReady = false;
  let closed = false;
  let woken: Deferred<void> = createDeferred();

  function wake(): void {
    woken.resolve();
  }

  function note(path: string, change: Change): void {
    if (!isCovered(path)) return;
    pending.set(path, { change, at: clock.monotonic() });
    fresh.tell(path);
    wakeWithinBounds();
  }

  function wakeWithinBounds(): void {
    if (Math.max(pending.size, fresh.size) > limits.watchedChanges) overflow();
    wake();
  }

  function overflow(): void {
    overflowed = true;
    pending.clear();
    fresh.clear();
  }

  /** Everything that need not wait for what may belong to it. */
  function takeChanges(): (readonly [string, Change])[] {
    const taken: (readonly [string, Change])[] = [];
    for (const [path, { change, at }] of pending) {
      if (change === 'gone' && clock.monotonic() - at < waitMs) continue;
      pending.delete(path);
      taken.push([path, change]);
    }
    return taken;
  }

  async function takeUntold(): Promise<(readonly [string, Change])[]> {
    const untold = await fresh.takeUntold();
    if (fresh.size > limits.watchedChanges) overflow();
    return untold.map((path) => [path, 'written']);
  }

  const watcher = watchPaths(
    roots.map(({ path }) => path),
    {
      ignoreInitial: true,
      followSymlinks: false,
      awaitWriteFinish: { stabilityThreshold: limits.watchSettleMs, pollInterval: Math.max(20, Math.round(limits.watchSettleMs / 5)) },
      ignored: (path) => isLeftOut(path, roots),
    },
  );
  watcher.on('add', (path) => note(path, 'written'));
  watcher.on('change', (path) => note(path, 'written'));
  watcher.on('addDir', (path) => {
    if (!isReady) return;
    fresh.add(path);
    wakeWithinBounds();
  });
  watcher.on('unlink', (path) => note(path, 'gone'));
  watcher.on('error', (error) => {
    const { code, message, path } = error as NodeJS.ErrnoException;
    if (path !== undefined && (code === 'EACCES' || code === 'EPERM')) {
      // What was there before is told by the first look.
      if (isReady) note(path, error as Error);
      return;
    }
    failure ??= new MillraceError('E_SOURCE_UNREADABLE', `The folders cannot be watched any more (${code ?? message}).`, {
      remedy:
        code === 'ENOSPC' || code === 'EMFILE'
          ? 'The system allows no more watched folders: raise its limit (Linux: fs.inotify.max_user_watches), or watch fewer.'
          : 'Check that the folders can be read, and repeat the command.',
      cause: error,
    });
    wake();
  });
  const ready = createDeferred<void>();
  watcher.on('ready', () => {
    isReady = true;
    ready.resolve();
  });
  await Promise.race([ready.promise, woken.promise]);

  return {
    async *changes() {
      for (;;) {
        if (failure !== undefined) throw failure;
        if (closed) return;
        if (!overflowed && pending.size + fresh.size === 0) {
          await woken.promise;
          woken = createDeferred();
          continue;
        }
        await untilQuiet(
          () => pending.size,
          () => clock.sleep(limits.watchQuietMs),
          () => overflowed || closed,
        );
        if (overflowed) {
          overflowed = false;
          pending.clear();
          for (const root of roots) if (root.isFolder) yield* filesBelow(root.path);
          yield { kind: 'look-again' };
          continue;
        }
        yield* foundIn([...takeChanges(), ...(await takeUntold())], roots);
      }
    },
    async close() {
      closed = true;
      wake();
      await watcher.close();
    },
  };
}

async function* foundIn(batch: readonly (readonly [string, Change])[], roots: readonly Root[]): AsyncGenerator<FoundSource> {
  // Made anew for each batch: ignore files change too.
  const filters = roots.map((root) => ({ root, isIgnored: createIgnoreFilter(root.isFolder ? root.path : dirname(root.path)) }));
  for (const [path, change] of batch) {
    if (change !== 'written') continue;
    const of = filters.find(({ root }) => (root.isFolder ? path.startsWith(`${root.path}${sep}`) : path === root.path));
    if (of === undefined) continue;
    if (of.root.isFolder && (await of.isIgnored(path))) continue;
    yield { kind: 'file', path, root: of.root.isFolder ? of.root.path : dirname(path) };
  }
  for (const [path, change] of batch) {
    if (change instanceof Error) yield { kind: 'unreachable', given: path, error: unreadableFolder(path, change) };
    else if (change === 'gone') yield { kind: 'vanished', path };
  }
}

function isLeftOut(path: string, roots: readonly Root[]): boolean {
  const root = roots.find(({ path: one }) => path === one || path.startsWith(`${one}${sep}`));
  if (root === undefined || path === root.path) return false;
  return relative(root.path, path)
    .split(sep)
    .some((name) => name.startsWith('.') || name === 'node_modules');
}
