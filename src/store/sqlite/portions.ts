import type { NewDocument, StoreOperation } from '../../spec/store.ts';
import { piecedText, type PiecedText } from '../../util/pieced-text.ts';

/**
 * A long document goes to the writer thread in portions, ahead of its commit: to copy all of it into one message would hold the main thread
 * for as long as that takes.
 */
export type DocumentPortion = Partial<Pick<NewDocument, 'pages' | 'blocks' | 'chunks'> & { readonly text: string }>;

/** A shorter text goes with its operation. UTF-16 units. */
const longUnits = 128 * 1024;
/** Of one portion: UTF-16 units, pages with their boxes, blocks, chunks. */
const portionUnits = 1024 * 1024;
const portionPages = 50;
const portionBlocks = 5_000;
const portionChunks = 1_000;

type CommitDocument = Extract<StoreOperation, { type: 'commitDocument' }>;

export function isLong(operation: StoreOperation): operation is CommitDocument {
  return operation.type === 'commitDocument' && operation.document.text.length > longUnits;
}

export function* portionsOf({ text, pages, blocks, chunks }: NewDocument): Generator<DocumentPortion> {
  for (let at = 0, end = 0; at < text.length; at = end) {
    // Each portion of the text is a row of its own: half a character could not be kept.
    const portion = text.slice(at, at + portionUnits);
    const cutsPair = at + portion.length < text.length && isHighSurrogate(portion.charCodeAt(portion.length - 1));
    end = at + portion.length - (cutsPair ? 1 : 0);
    yield { text: cutsPair ? portion.slice(0, -1) : portion };
  }
  for (let at = 0; at < pages.length; at += portionPages) yield { pages: pages.slice(at, at + portionPages) };
  for (let at = 0; at < blocks.length; at += portionBlocks) yield { blocks: blocks.slice(at, at + portionBlocks) };
  for (let at = 0; at < chunks.length; at += portionChunks) yield { chunks: chunks.slice(at, at + portionChunks) };
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** What is left of a document when its portions have gone ahead. */
export function withoutPortions(operation: CommitDocument): CommitDocument {
  return { ...operation, document: { ...operation.document, text: '', pages: [], blocks: [], chunks: [] } };
}

/** Portions that have arrived, by the number of their document. */
export interface HeldPortions {
  add(document: number, portion: DocumentPortion): void;
  /**
   * The whole operation, but for its text, which is never in one string here. What was held is forgotten, whatever becomes of it: who
   * repeats it sends it anew.
   */
  complete(
    operation: StoreOperation,
    document: number | undefined,
  ): { readonly operation: StoreOperation; readonly pieces: PiecedText | undefined };
  forget(document: number): void;
}

interface HeldDocument extends Mutable<Pick<NewDocument, 'pages' | 'blocks' | 'chunks'>> {
  readonly texts: string[];
}

export function createHeldPortions(): HeldPortions {
  const held = new Map<number, HeldDocument>();
  return {
    add(document, { text, pages = [], blocks = [], chunks = [] }) {
      const whole = held.get(document) ?? { texts: [], pages: [], blocks: [], chunks: [] };
      if (text !== undefined) whole.texts.push(text);
      whole.pages.push(...pages);
      whole.blocks.push(...blocks);
      whole.chunks.push(...chunks);
      held.set(document, whole);
    },
    complete(operation, document) {
      if (document === undefined || operation.type !== 'commitDocument') return { operation, pieces: undefined };
      const portions = held.get(document);
      held.delete(document);
      if (portions === undefined) throw new RangeError('The portions of a document are not there.');
      const { texts, ...lists } = portions;
      return { operation: { ...operation, document: { ...operation.document, ...lists } }, pieces: piecedText(texts) };
    },
    forget: (document) => void held.delete(document),
  };
}

type Mutable<Lists> = { -readonly [Part in keyof Lists]: Lists[Part] extends readonly (infer Item)[] ? Item[] : Lists[Part] };
