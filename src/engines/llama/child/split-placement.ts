import type { CellMemory } from './cell-memory.ts';
import type { Placement } from './placement.ts';

/** A copy moves the cells of a whole sequence: fewer tokens than these are computed rather than copied. */
const minimumCopyTokens = 4;

interface Slot {
  readonly sequence: number;
  busy: boolean;
  /** The named prefix that the slot's cells begin with; it stays after the request, until another one needs the slot. */
  resident: Int32Array;
  lastUse: number;
}

/**
 * A split cache: each sequence has cells of its own, so a token attends over its own sequence only, and a cached prefix that nobody
 * uses slows nobody. A prefix comes into another sequence by copying, which costs far less than computing it.
 *
 * llama.cpp computes the sequences of a batch in one pass only if their ids follow each other without a gap: new requests go beside
 * running ones.
 *
 * @param options.sequences number of slots
 * @param options.shares false for models whose cache cannot be cut at a position (recurrent ones)
 */
export function createSplitPlacement(options: {
  readonly sequences: number;
  readonly shares: boolean;
  readonly memory: CellMemory;
}): Placement {
  const { memory, shares } = options;
  const slots: Slot[] = Array.from({ length: options.sequences }, (_, sequence) => ({
    sequence,
    busy: false,
    resident: new Int32Array(0),
    lastUse: 0,
  }));
  let uses = 0;

  /** 1 when taking this slot leaves a gap to the running ones. */
  function gap({ sequence }: Slot): number {
    if (!slots.some((slot) => slot.busy)) return 0;
    return slots[sequence - 1]?.busy === true || slots[sequence + 1]?.busy === true ? 0 : 1;
  }

  function forget(slot: Slot): void {
    slot.resident = new Int32Array(0);
    memory.remove(slot.sequence, 0);
  }

  /** What each slot holds of the beginning of a prompt, less than all of it. */
  function cachedIn(prompt: Int32Array): number[] {
    return slots.map(({ resident }) => (shares ? Math.min(prompt.length - 1, sharedLength(resident, prompt)) : 0));
  }

  return {
    place(tokens) {
      const ranked = slots
        .filter((slot) => !slot.busy)
        .map((slot) => ({ slot, gap: gap(slot), shared: sharedLength(slot.resident, tokens) }))
        .sort((a, b) => a.gap - b.gap || b.shared - a.shared || a.slot.lastUse - b.slot.lastUse || a.slot.sequence - b.slot.sequence);
      const slot = ranked[0]?.slot;
      if (slot === undefined) return undefined;
      slot.busy = true;
      slot.lastUse = ++uses;
      return { sequence: slot.sequence, reservedTokens: 0, prefix: undefined };
    },
    cachedOf: (_, prompt) => Math.max(...cachedIn(prompt)),
    adopt(place, prompt, stored) {
      const slot = slots[place.sequence]!;
      const cached = cachedIn(prompt).map((shared, index) => ({ other: slots[index]!, shared }));
      const own = cached[place.sequence]!.shared;
      const best = cached.reduce((a, b) => (b.shared > a.shared ? b : a));
      // A copy between sequences moves all cells of one, which costs more than to restore the few that are needed.
      if (stored !== undefined && stored.tokens >= own + minimumCopyTokens && stored.tokens + minimumCopyTokens > best.shared) {
        slot.resident = new Int32Array(0);
        if (!stored.restore(slot.sequence)) return this.adopt(place, prompt);
        slot.resident = prompt.slice(0, stored.tokens);
        return stored.tokens;
      }
      if (best.shared >= own + minimumCopyTokens) {
        memory.copy(best.other.sequence, slot.sequence, best.shared);
        slot.resident = best.other.resident.slice(0, best.shared);
        best.other.lastUse = ++uses;
        return best.shared;
      }
      memory.remove(slot.sequence, own);
      slot.resident = slot.resident.slice(0, own);
      return own;
    },
    keep(place, tokens, prefixTokens) {
      if (!shares) return false;
      slots[place.sequence]!.resident = tokens.slice(0, prefixTokens);
      return true;
    },
    leave(place) {
      const slot = slots[place.sequence]!;
      slot.busy = false;
      memory.remove(slot.sequence, slot.resident.length);
    },
    evictIdle() {
      for (const slot of slots) if (!slot.busy) forget(slot);
    },
    get cachedTokens() {
      return slots.reduce((sum, slot) => sum + (slot.busy ? 0 : slot.resident.length), 0);
    },
  };
}

function sharedLength(a: Int32Array, b: Int32Array): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}
