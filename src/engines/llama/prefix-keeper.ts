import { appendFile, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PrefixCounts, PrefixKeeper, PrefixLimits, StoredPrefixes } from '../../spec/prefixes.ts';
import type { Clock } from '../../util/clock.ts';
import { writeFileAtomically } from '../../util/files.ts';
import { createPrefixFolder } from './prefixes/prefix-folder.ts';

const kept = z.object({ hits: z.number(), misses: z.number(), restoredTokens: z.number(), computedTokens: z.number() });
type KeptCounts = z.infer<typeof kept>;

/** A longer file of counts is written anew with their sums. */
const maxCountsBytes = 65_536;

/**
 * Looks after the stored prefixes of a directory from the main process: an engine child need not run for it. Processes that end append
 * their counts to `counts.jsonl`; what was counted by one that was killed is lost.
 */
export function createPrefixKeeper(options: {
  readonly folder: string;
  readonly limits: PrefixLimits;
  readonly clock: Clock;
  /** Of the generators that are loaded now. */
  readonly loaded: () => readonly StoredPrefixes[];
}): PrefixKeeper {
  const { limits, clock, loaded } = options;
  const folder = createPrefixFolder({ path: options.folder, limitBytes: limits.diskBytes, clock });
  const countsFile = join(options.folder, 'counts.jsonl');

  /** Why the last sweep failed. */
  let undeleted: string | null = null;

  async function earlierCounts(): Promise<KeptCounts> {
    const text = await readFile(countsFile, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    });
    return text.split('\n').reduce((sum, line) => add(sum, parseCounts(line)), noCounts);
  }

  /** One generator's counts are those of its device: several of one device would be counted twice. */
  async function ownCounts(): Promise<PrefixCounts | undefined> {
    const all = (await Promise.all(loaded().map((one) => one.counts()))).filter((counts) => counts !== undefined);
    const [first] = all;
    if (first === undefined) return undefined;
    return {
      ...first,
      memoryEntries: sum(all, 'memoryEntries'),
      memoryBytes: sum(all, 'memoryBytes'),
      damaged: sum(all, 'damaged'),
      problem: all.find(({ problem }) => problem !== null)?.problem ?? null,
    };
  }

  async function keptOwners(): Promise<ReadonlySet<string>> {
    const owners = new Set<string>();
    for (const entry of await folder.list()) for (const owner of (await folder.header(entry))?.owners ?? []) owners.add(owner);
    for (const one of loaded()) for (const owner of await one.owners()) owners.add(owner);
    return owners;
  }

  async function keepCounts(): Promise<void> {
    const own = await ownCounts();
    if (own === undefined || own.hits + own.misses === 0) return;
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    await appendFile(countsFile, `${JSON.stringify(kept.parse(own))}\n`, { mode: 0o600 });
    if ((await stat(countsFile)).size > maxCountsBytes) await writeFileAtomically(countsFile, `${JSON.stringify(await earlierCounts())}\n`);
  }

  async function purge(documents: readonly string[]): Promise<number> {
    const gone = new Set(documents);
    await Promise.all(loaded().map((one) => one.forget(documents)));
    return folder.removeWhere(({ owners }) => owners.some((owner) => gone.has(owner)));
  }

  return {
    purge,
    async sweep(isOnRecord) {
      try {
        const gone: string[] = [];
        for (const owner of await keptOwners()) if (!(await isOnRecord(owner))) gone.push(owner);
        const removed = gone.length === 0 ? 0 : await purge(gone);
        undeleted = null;
        return removed;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        undeleted = `What was kept of removed documents could not be deleted: ${reason}. It is tried again when the directory is next opened for writing.`;
        throw error;
      }
    },
    async status() {
      const entries = await folder.list();
      const headers = await Promise.all(entries.map((entry) => folder.header(entry)));
      const owned = headers.filter((header) => header !== undefined && header.owners.length > 0);
      const own = await ownCounts();
      const counts = add(await earlierCounts(), own ?? noCounts);
      return {
        memory: { entries: own?.memoryEntries ?? 0, bytes: own?.memoryBytes ?? 0, limitBytes: limits.memoryBytes },
        disk: { entries: entries.length, bytes: entries.reduce((total, { bytes }) => total + bytes, 0), limitBytes: limits.diskBytes },
        passages: owned.length,
        documents: new Set(owned.flatMap((header) => header?.owners ?? [])).size,
        ...counts,
        damaged: own?.damaged ?? 0,
        problem: own?.problem ?? undeleted,
      };
    },
    async close() {
      try {
        await keepCounts();
      } catch {
        // Statistics only: a full disk or a child that dies must not keep the directory from being closed.
      }
    },
  };
}

const noCounts: KeptCounts = { hits: 0, misses: 0, restoredTokens: 0, computedTokens: 0 };

function add(a: KeptCounts, b: KeptCounts): KeptCounts {
  return {
    hits: a.hits + b.hits,
    misses: a.misses + b.misses,
    restoredTokens: a.restoredTokens + b.restoredTokens,
    computedTokens: a.computedTokens + b.computedTokens,
  };
}

function sum(all: readonly PrefixCounts[], name: 'memoryEntries' | 'memoryBytes' | 'damaged'): number {
  return all.reduce((total, counts) => total + counts[name], 0);
}

/** A line that a full disk cut short counts nothing. */
function parseCounts(line: string): KeptCounts {
  try {
    return kept.parse(JSON.parse(line));
  } catch {
    return noCounts;
  }
}
