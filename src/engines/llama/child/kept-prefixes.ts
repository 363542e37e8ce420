import type { Clock } from '../../../util/clock.ts';
import type { GenerateCommand, PrefixEvent } from './messages.ts';
import type { NativeMemory } from './native-memory.ts';
import type { StoredBeginning } from './placement.ts';
import { createPrefixCache, type PrefixCells } from './prefix-cache.ts';
import type { SequenceState, StateBlock } from './sequence-state.ts';

/** Memory that the other thread may hold of saved cells, in bytes; beyond it nothing more is saved. */
const maxLentBytes = 256 * 1024 * 1024;

/** What came back for one request. */
export interface Restored {
  readonly tokens: number;
  readonly restoreMs: number;
}

/** Prefixes of one context beyond its KV cache, on the side of the compute thread: copies in, copies out, each in one step of the loop. */
export interface KeptPrefixes {
  /** True when the cells have to be brought into memory first; they have been asked for then, and `loaded` ends the wait. */
  mustWait(id: number, stored: NonNullable<GenerateCommand['stored']>): boolean;
  loaded(cells: PrefixCells | undefined): void;
  /** The stored cells as the placement takes them; `onRestored` is told when it does, with undefined when the library refuses them. */
  beginning(stored: GenerateCommand['stored'], onRestored: (restored: Restored | undefined) => void): StoredBeginning | undefined;
  /** True when cells under this key should be saved and can be. */
  lacks(key: string): boolean;
  /** Copies the cells of a sequence that holds exactly this prefix. */
  save(keep: NonNullable<GenerateCommand['keep']>, sequence: number, tokens: number): void;
  returned(key: string): void;
  forget(owners: readonly string[]): void;
  /** Drops what is beyond the limit of memory: cells that came for a request may be until it has begun. */
  trim(): void;
  close(): void;
}

export function createKeptPrefixes(options: {
  readonly handle: number;
  readonly limitBytes: number;
  readonly state: SequenceState;
  readonly memory: NativeMemory;
  readonly clock: Clock;
  readonly post: (event: PrefixEvent) => void;
}): KeptPrefixes {
  const { handle, state, memory, clock, post } = options;
  const cache = createPrefixCache({
    limitBytes: options.limitBytes,
    free: memory.free,
    onDropped: (key) => post({ type: 'prefix-dropped', handle, key }),
  });
  /** Keys that the library would not save: they are not tried again. */
  const refused = new Set<string>();

  /** Without memory for a copy the request goes on all the same. */
  function copyOf(sequence: number, tokens: number): StateBlock | undefined {
    try {
      return state.save(sequence, tokens);
    } catch {
      return undefined;
    }
  }

  return {
    mustWait(id, { key }) {
      if (cache.has(key)) return false;
      post({ type: 'prefix-wanted', handle, id, key });
      return true;
    },
    loaded(cells) {
      if (cells !== undefined) cache.add(cells, false);
    },
    beginning(stored, onRestored) {
      const cells = stored === undefined ? undefined : cache.get(stored.key);
      if (cells === undefined) return undefined;
      return {
        tokens: cells.tokens,
        restore(sequence) {
          const startedAt = clock.monotonic();
          if (state.restore(cells, sequence)) {
            onRestored({ tokens: cells.tokens, restoreMs: clock.monotonic() - startedAt });
            return true;
          }
          cache.drop(cells.key);
          onRestored(undefined);
          post({ type: 'prefix-refused', handle, key: cells.key });
          return false;
        },
      };
    },
    lacks: (key) => !cache.has(key) && !refused.has(key) && cache.lentBytes < maxLentBytes,
    save({ key, owners }, sequence, tokens) {
      const block = copyOf(sequence, tokens);
      if (block === undefined) {
        refused.add(key);
        return;
      }
      const cells: PrefixCells = { key, tokens, owners, ...block };
      cache.add(cells, true);
      post({ type: 'prefix-saved', handle, cells });
      cache.trim();
    },
    returned: (key) => cache.returned(key),
    forget: (owners) => cache.forget(new Set(owners)),
    trim: () => cache.trim(),
    close: () => cache.clear(),
  };
}
