import { isMillraceError } from '../../../errors.ts';
import type { FoundPrefix, PrefixLimits } from '../../../spec/prefixes.ts';
import type { Clock } from '../../../util/clock.ts';
import { leastStoredTokens, prefixKeys, tokensOfKey } from '../prefixes/prefix-key.ts';
import type { PrefixFolder } from '../prefixes/prefix-folder.ts';
import type { GenerateCommand, PrefixEvent, WorkerCommand } from './messages.ts';
import type { NativeMemory } from './native-memory.ts';
import type { PrefixCells } from './prefix-cache.ts';
import { blockBytes, frameHead } from './sequence-state.ts';

/** What is kept in memory and on disk is looked up, read and written here, on the child's main thread and the threads of its file system. */
export interface PrefixStore {
  /** What is kept of a prompt, and whether its named prefix should be. */
  lookUp(tokens: Int32Array, prefixTokens: number, owners: readonly string[]): Promise<Pick<GenerateCommand, 'stored' | 'keep'>>;
  /** Where the first `prefixTokens` are kept. */
  has(tokens: Int32Array, prefixTokens: number): Promise<Pick<FoundPrefix, 'inMemory' | 'onDisk'>>;
  onEvent(event: PrefixEvent): void;
  /** Resolves when nothing is being written. */
  written(): Promise<void>;
  forget(owners: readonly string[]): void;
  /** Documents of which something is in memory. */
  owners(): string[];
  figures(): { readonly memoryEntries: number; readonly memoryBytes: number; readonly damaged: number; readonly problem: string | null };
  /** Of this model; 0 where the folder cannot be read. */
  diskBytes(): Promise<number>;
  readonly limits: PrefixLimits;
  readonly bytesPerToken: number;
}

/** After a failed write the next one is tried no sooner. */
const pauseMs = 60_000;
/** Removed documents that are remembered: what is being computed of them meanwhile is not kept. */
const maxForgotten = 100_000;

export function createPrefixStore(options: {
  readonly handle: number;
  readonly limits: PrefixLimits;
  /** Undefined where nothing is kept on disk. */
  readonly folder: PrefixFolder | undefined;
  /** Names the entries of this model. */
  readonly model: string;
  readonly bytesPerToken: number;
  readonly memory: NativeMemory;
  readonly clock: Clock;
  readonly command: (command: WorkerCommand) => void;
}): PrefixStore {
  const { handle, limits, folder, model, memory, clock, command } = options;
  /** What the compute thread has in memory, by key. */
  const inMemory = new Map<string, { readonly bytes: number; readonly owners: readonly string[] }>();
  const forgotten = new Set<string>();
  /** One write after the other. */
  let writing: Promise<void> = Promise.resolve();
  let resumesAt = -Infinity;
  let damaged = 0;
  let problem: string | null = null;

  const isForgotten = (owner: string): boolean => forgotten.has(owner);

  function fail(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code;
    problem =
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'The disk is full: prefixes are kept in memory only.'
        : `Prefixes cannot be kept on disk: ${isMillraceError(error) || error instanceof Error ? error.message : String(error)}`;
    resumesAt = clock.monotonic() + pauseMs;
  }

  async function keysOnDisk(): Promise<ReadonlySet<string>> {
    try {
      return (await folder?.keys(model)) ?? new Set();
    } catch (error) {
      fail(error);
      return new Set();
    }
  }

  /** Keys of the beginnings of a prompt that are kept, shortest first. */
  async function keptKeys(tokens: Int32Array, limit: number): Promise<string[]> {
    const disk = await keysOnDisk();
    const lengths = new Set<number>();
    for (const keys of [disk, inMemory.keys()])
      for (const key of keys) {
        const length = tokensOfKey(key);
        if (length !== undefined && length <= limit) lengths.add(length);
      }
    const candidates = prefixKeys(
      tokens,
      [...lengths].sort((a, b) => a - b),
    );
    return candidates.filter((key) => disk.has(key) || inMemory.has(key));
  }

  async function load(id: number, key: string): Promise<void> {
    const cells = await read(key).catch((error: unknown) => {
      fail(error);
      return undefined;
    });
    if (cells !== undefined) inMemory.set(key, cells);
    command({ type: 'prefix-loaded', handle, id, cells });
  }

  async function read(key: string): Promise<PrefixCells | undefined> {
    if (folder === undefined) return undefined;
    let address: bigint | undefined;
    let bytes = 0;
    const free = (): void => void (address !== undefined && memory.free(address));
    try {
      const result = await folder.read(model, key, (length) => {
        bytes = length;
        address = memory.allocate(blockBytes(length));
        return memory.view(address + BigInt(frameHead), length);
      });
      if (result.outcome === 'damaged') damaged += 1;
      const wanted = result.outcome === 'ok' && !result.header.owners.some(isForgotten);
      if (wanted && address !== undefined)
        return { key, tokens: result.header.tokens, owners: result.header.owners, address, offset: frameHead, bytes };
      free();
      return undefined;
    } catch (error) {
      free();
      throw error;
    }
  }

  async function write(cells: PrefixCells): Promise<void> {
    const { key, tokens, owners } = cells;
    try {
      if (folder === undefined || clock.monotonic() < resumesAt || owners.some(isForgotten)) return;
      const payload = memory.view(cells.address + BigInt(cells.offset), cells.bytes);
      await folder.write({ model, key, tokens, owners: [...owners] }, payload);
      problem = null;
      if (owners.some(isForgotten)) await folder.remove(model, key);
    } catch (error) {
      fail(error);
    } finally {
      command({ type: 'prefix-returned', handle, key });
    }
  }

  return {
    limits,
    bytesPerToken: options.bytesPerToken,
    async lookUp(tokens, prefixTokens, owners) {
      const kept = await keptKeys(tokens, tokens.length - 1);
      const longest = kept.at(-1);
      const stored = longest === undefined ? undefined : { key: longest, tokens: tokensOfKey(longest)! };
      if (stored !== undefined) folder?.touch(model, stored.key);
      const [own] = prefixTokens < leastStoredTokens ? [] : prefixKeys(tokens, [prefixTokens]);
      const isKept = own !== longest && kept.includes(own ?? '');
      const keeps = own !== undefined && !isKept && !owners.some(isForgotten);
      return { stored, keep: keeps ? { key: own, owners } : undefined };
    },
    async has(tokens, prefixTokens) {
      const [key = ''] = prefixTokens < leastStoredTokens ? [] : prefixKeys(tokens, [prefixTokens]);
      return { inMemory: inMemory.has(key), onDisk: (await keysOnDisk()).has(key) };
    },
    onEvent(event) {
      switch (event.type) {
        case 'prefix-wanted':
          void load(event.id, event.key);
          break;
        case 'prefix-saved': {
          const { cells } = event;
          const gone = cells.owners.filter(isForgotten);
          // It was begun before its document went, and the compute thread does not know of it.
          if (gone.length > 0) command({ type: 'forget-prefixes', handle, owners: gone });
          else inMemory.set(cells.key, cells);
          writing = writing.then(() => write(cells));
          break;
        }
        case 'prefix-dropped':
          inMemory.delete(event.key);
          break;
        case 'prefix-refused':
          damaged += 1;
          folder?.remove(model, event.key).catch(fail);
          break;
      }
    },
    written: () => writing,
    forget(owners) {
      for (const owner of owners) forgotten.add(owner);
      for (const owner of forgotten) {
        if (forgotten.size <= maxForgotten) break;
        forgotten.delete(owner);
      }
      for (const [key, cells] of inMemory) if (cells.owners.some(isForgotten)) inMemory.delete(key);
      command({ type: 'forget-prefixes', handle, owners });
    },
    owners: () => [...new Set([...inMemory.values()].flatMap(({ owners }) => owners))],
    figures: () => ({
      memoryEntries: inMemory.size,
      memoryBytes: [...inMemory.values()].reduce((sum, { bytes }) => sum + bytes, 0),
      damaged,
      problem,
    }),
    async diskBytes() {
      try {
        const entries = (await folder?.list()) ?? [];
        return entries.reduce((sum, entry) => sum + (entry.model === model ? entry.bytes : 0), 0);
      } catch (error) {
        fail(error);
        return 0;
      }
    },
  };
}
