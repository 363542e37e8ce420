import { MillraceError } from '../../errors.ts';

/** The KV cells of the fake generator: strict books instead of memory. */
export interface FakeCells {
  /** Takes a sequence and its cells for a request. Throws `E_ENGINE_FAILED` when they are not there: the caller admitted too much. */
  hold(request: { readonly ownTokens: number; readonly prefixTokens: number; readonly prefixKey: string | undefined }): HeldCells;
  statistics(): { active: number; peakActive: number; usedKvTokens: number; peakKvTokens: number };
}

export interface HeldCells {
  /** The prefix had been computed before. */
  readonly resident: boolean;
  markResident(): void;
  free(): void;
}

interface Prefix {
  readonly tokens: number;
  holders: number;
  resident: boolean;
}

export function createFakeCells(limits: { readonly sequences: number; readonly kvTokens: number }): FakeCells {
  /** By key, the one that was held longest ago first. Those without holders are a cache: they go when their cells are needed. */
  const prefixes = new Map<string, Prefix>();
  let active = 0;
  let own = 0;
  /** Cells of prefixes with and without holders. */
  let held = 0;
  let idle = 0;
  let peakActive = 0;
  let peakKvTokens = 0;

  function heldTokens(): number {
    return own + held;
  }

  function evict(): void {
    for (const [key, prefix] of prefixes) {
      if (own + held + idle <= limits.kvTokens) return;
      if (prefix.holders > 0) continue;
      prefixes.delete(key);
      idle -= prefix.tokens;
    }
  }

  return {
    hold({ ownTokens, prefixTokens, prefixKey }) {
      const known = prefixKey === undefined ? undefined : prefixes.get(prefixKey);
      const prefix: Prefix = known ?? { tokens: prefixTokens, holders: 0, resident: false };
      const growth = ownTokens + (prefix.holders > 0 ? 0 : prefix.tokens);
      if (active >= limits.sequences || heldTokens() + growth > limits.kvTokens) {
        throw new MillraceError(
          'E_ENGINE_FAILED',
          `A request for ${growth} KV cells was admitted while ${active} of ${limits.sequences} sequences and ${heldTokens()} of ${limits.kvTokens} cells were taken.`,
        );
      }
      active += 1;
      own += ownTokens;
      prefix.holders += 1;
      if (prefix.holders === 1) {
        held += prefix.tokens;
        if (known !== undefined) idle -= prefix.tokens;
      }
      if (prefixKey !== undefined) {
        prefixes.delete(prefixKey);
        prefixes.set(prefixKey, prefix);
      }
      evict();
      peakActive = Math.max(peakActive, active);
      peakKvTokens = Math.max(peakKvTokens, heldTokens());
      return {
        resident: prefix.resident,
        markResident() {
          prefix.resident = true;
        },
        free() {
          active -= 1;
          own -= ownTokens;
          prefix.holders -= 1;
          if (prefix.holders > 0) return;
          held -= prefix.tokens;
          if (prefixKey === undefined) return;
          if (prefix.resident) idle += prefix.tokens;
          else prefixes.delete(prefixKey);
        },
      };
    },
    statistics: () => ({ active, peakActive, usedKvTokens: heldTokens(), peakKvTokens }),
  };
}
