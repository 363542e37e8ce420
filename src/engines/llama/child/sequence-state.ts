import type { LlamaLibrary } from './library.ts';
import type { Pointer } from './layout.ts';
import type { NativeMemory } from './native-memory.ts';

/** Where the cells of one sequence lie in a block of memory. */
export interface StateBlock {
  readonly address: Pointer;
  readonly offset: number;
  readonly bytes: number;
}

/** What cells are made of, as the library writes them: equal texts, cells that can be exchanged. */
export interface StateLayout {
  readonly layout: string;
  readonly bytesPerToken: number;
}

/**
 * The cells of a sequence, out of the KV cache and back. The library wraps them in a frame: a magic number, the sequence, the number of
 * streams, then for each stream its number of cells, followed by the cells where there are any. A split cache has a stream for each
 * sequence, a unified one a single stream. Only the cells of the one stream that has some are kept, with their number before them, so
 * that they fit a cache of another mode and number of sequences.
 */
export interface SequenceState {
  /** What a saved sequence looks like; undefined when the cells of this model cannot be kept. Sequence 0 has to hold `tokens`. */
  probe(tokens: number): StateLayout | undefined;
  /** Copies the cells of a sequence that holds `tokens`. The block belongs to the caller. Undefined when the library refuses. */
  save(sequence: number, tokens: number): StateBlock | undefined;
  /** Makes the cells the only ones of a sequence. When it fails the sequence is empty. */
  restore(block: StateBlock, sequence: number): boolean;
}

const word = 4;
const frameWords = 3;
/** Before the cells of a block there is always room for the head of a frame, behind them for the rest of one. */
export const frameHead = frameWords * word;
export const frameTail = 256 * word;

/** Bytes of a block that holds `bytes` of cells at `frameHead`. */
export function blockBytes(bytes: number): number {
  return frameHead + bytes + frameTail;
}

/** @param options.streams sequences of a split cache, 1 for a unified one */
export function createSequenceState(options: {
  readonly library: Pick<LlamaLibrary, 'stateSize' | 'stateGet' | 'stateSet'>;
  readonly context: Pointer;
  readonly streams: number;
  readonly memory: NativeMemory;
}): SequenceState {
  const { library, context, streams, memory } = options;
  /** What every state begins with; it is in no header, so it is read from the probe. */
  let magic: number | undefined;

  function save(sequence: number, tokens: number): StateBlock | undefined {
    const size = Number(library.stateSize(context, sequence));
    const bytes = size - frameHead - (streams - 1) * word;
    if (bytes <= word) return undefined;
    const address = memory.allocate(size + frameTail);
    const written = Number(library.stateGet(context, address, size, sequence));
    const head = new DataView(memory.view(address, frameHead + streams * word).buffer);
    let offset = frameHead;
    while (offset < frameHead + (streams - 1) * word && head.getUint32(offset, true) === 0) offset += word;
    const sound = written === size && head.getUint32(2 * word, true) === streams && head.getUint32(offset, true) === tokens;
    if (sound) return { address, offset, bytes };
    memory.free(address);
    return undefined;
  }

  return {
    save,
    restore({ address, offset, bytes }, sequence) {
      const start = address + BigInt(offset - frameHead);
      if (magic === undefined) return false;
      const head = new DataView(memory.view(start, frameHead).buffer);
      head.setUint32(0, magic, true);
      head.setInt32(word, sequence, true);
      head.setUint32(2 * word, streams, true);
      const rest = (streams - 1) * word;
      if (rest > 0) memory.view(start + BigInt(frameHead + bytes), rest).fill(0);
      return Number(library.stateSet(context, start, frameHead + bytes + rest, sequence)) > 0;
    },
    probe(tokens) {
      const block = save(0, tokens);
      if (block === undefined) return undefined;
      const view = new DataView(memory.view(block.address + BigInt(block.offset), block.bytes).buffer);
      // Of each cell: position, number of sequences, sequence. Then whether values are transposed, layers, type and row size of keys.
      const at = word + tokens * 3 * word;
      const cell = [0, 1, 2].map((index) => view.getUint32(word + 3 * word + index * word, true));
      magic = new DataView(memory.view(block.address, word).buffer).getUint32(0, true);
      const fields = [0, 1, 2, 3].map((index) => view.getUint32(at + index * word, true));
      memory.free(block.address);
      const [transposed = 2, layers = 0] = fields;
      if (cell.join() !== '1,1,0' || transposed > 1 || layers < 1 || layers > 4_096) return undefined;
      const bytesPerToken = Math.round((block.bytes - 3 * word - layers * 6 * word) / tokens);
      return { layout: [...fields, bytesPerToken].join(), bytesPerToken };
    },
  };
}
