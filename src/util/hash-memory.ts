/** Which hashes were seen: 64 bits of each, in about 16 bytes. */
export interface HashMemory {
  readonly size: number;
  has(hash: string): boolean;
  add(hash: string): void;
}

const firstSlots = 1_024;

/** Hashes are hexadecimal and at least 16 digits long; the first 16 count. Open addressing, at most half full. */
export function createHashMemory(): HashMemory {
  let slots = firstSlots;
  let table = new Uint32Array(2 * slots);
  let size = 0;

  /** Where this hash is, or the empty slot where it belongs. */
  function slotOf(high: number, low: number): number {
    let slot = low % slots;
    while ((table[2 * slot] !== high || table[2 * slot + 1] !== low) && !isEmpty(slot)) slot = (slot + 1) % slots;
    return slot;
  }
  const isEmpty = (slot: number): boolean => table[2 * slot] === 0 && table[2 * slot + 1] === 0;

  function put(high: number, low: number): void {
    const slot = slotOf(high, low);
    if (!isEmpty(slot)) return;
    table[2 * slot] = high;
    table[2 * slot + 1] = low;
    size += 1;
  }

  function grow(): void {
    const before = table;
    slots *= 2;
    table = new Uint32Array(2 * slots);
    size = 0;
    for (let at = 0; at < before.length; at += 2) {
      const [high, low] = [before[at]!, before[at + 1]!];
      if (high !== 0 || low !== 0) put(high, low);
    }
  }

  return {
    get size() {
      return size;
    },
    has: (hash) => !isEmpty(slotOf(...wordsOf(hash))),
    add(hash) {
      put(...wordsOf(hash));
      if (2 * size > slots) grow();
    },
  };
}

function wordsOf(hash: string): [high: number, low: number] {
  const low = Number.parseInt(hash.slice(8, 16), 16);
  // Two noughts are the mark of an empty slot.
  return [Number.parseInt(hash.slice(0, 8), 16), low === 0 ? 1 : low];
}
