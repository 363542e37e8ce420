import { MillraceError } from '../../errors.ts';
import type { ParsedBlock } from '../../spec/parser.ts';
import type { DocumentPortion, NewDocument, StoreOperation } from '../../spec/store.ts';
import { createSpool, type Spool } from './spool.ts';

/** A shorter text goes with its operation. UTF-16 units. */
const longUnits = 128 * 1024;
/** Of one portion: UTF-16 units, pages with their boxes, blocks, chunks. */
const portionUnits = 1024 * 1024;
const portionPages = 50;
const portionBlocks = 5_000;
const portionChunks = 1_000;

type CommitDocument = Extract<StoreOperation, { type: 'commitDocument' }>;

/**
 * Goes to the writer thread in portions, ahead of its commit: to copy all of it into one message would hold the main thread for as long as
 * that takes.
 */
export function isLong(operation: StoreOperation): operation is CommitDocument {
  return operation.type === 'commitDocument' && operation.staged === undefined && operation.document.text.length > longUnits;
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
export function withoutPortions(operation: CommitDocument, staged: number): CommitDocument {
  return { ...operation, staged, document: { ...operation.document, text: '', pages: [], blocks: [], chunks: [] } };
}

/** A document whose portions have arrived. */
export interface HeldDocument {
  /** UTF-16 units. */
  readonly textLength: number;
  readonly pages: number;
  readonly chunks: number;
  /** All of them in order, as often as wanted. Throws `E_CANCELLED` between two when they are given up meanwhile. */
  portions(): Generator<DocumentPortion>;
}

/** Portions that have arrived, by the number of their document, until they are forgotten. */
export interface HeldPortions {
  add(document: number, portion: DocumentPortion): void;
  /** Throws `RangeError` where nothing has arrived of it. */
  read(document: number): HeldDocument;
  forget(document: number): void;
}

/** Of a portion of a document that was forgotten before. */
export function stagedInVain(): MillraceError {
  return new MillraceError('E_CANCELLED', 'A long document was given up before all of it was staged.');
}

interface Held {
  readonly spool: Spool<DocumentPortion>;
  textLength: number;
  pages: number;
  chunks: number;
}

export interface HeldPortionsOptions {
  /** In which long documents wait. Default: they wait in memory. */
  readonly directory?: string;
  /** Whether somebody has said meanwhile that the document is not wanted any more. */
  readonly isGivenUp?: (document: number) => boolean;
}

export function createHeldPortions({ directory, isGivenUp = () => false }: HeldPortionsOptions = {}): HeldPortions {
  const held = new Map<number, Held>();
  return {
    add(document, portion) {
      let whole = held.get(document);
      if (whole === undefined) {
        whole = { spool: createSpool(directory, document), textLength: 0, pages: 0, chunks: 0 };
        held.set(document, whole);
      }
      whole.spool.add(portion, sizeOf(portion));
      whole.textLength += portion.text?.length ?? 0;
      whole.pages += portion.pages?.length ?? 0;
      whole.chunks += portion.chunks?.length ?? 0;
    },
    read(document) {
      const whole = held.get(document);
      if (whole === undefined) throw new RangeError('The portions of a document are not there.');
      const { spool, textLength, pages, chunks } = whole;
      return {
        textLength,
        pages,
        chunks,
        *portions() {
          for (const portion of spool.values()) {
            if (isGivenUp(document)) throw new MillraceError('E_CANCELLED', 'A long document was given up while it was being written.');
            yield portion;
          }
        },
      };
    },
    forget(document) {
      held.get(document)?.spool.close();
      held.delete(document);
    },
  };
}

/** About so much memory for a block, a chunk. Bytes. */
const blockBytes = 64;
const chunkBytes = 256;

function sizeOf({ text = '', pages = [], blocks = [], chunks = [] }: DocumentPortion): number {
  const boxes = pages.reduce((sum, page) => sum + (page.boxes?.byteLength ?? 0), 0);
  return text.length + boxes + blocks.length * blockBytes + chunks.length * chunkBytes;
}

/** Of blocks that take more than this, some 500,000, the record keeps none: their list would take more memory than the text. UTF-16 units. */
const mostBlocksUnits = 24 * 1024 * 1024;

/** The blocks of a document as JSON, made of those of its portions: one that goes on is whole in it. */
export function createBlocksJson(mostUnits = mostBlocksUnits): { add(blocks: readonly ParsedBlock[]): void; end(): string } {
  let json = '';
  let open: ParsedBlock | undefined;
  let isTooLong = false;
  return {
    add(blocks) {
      const parts: string[] = [];
      for (const block of blocks) {
        if (open !== undefined && block.start !== open.start) parts.push(`${JSON.stringify(open)},`);
        open = block;
      }
      json += parts.join('');
      isTooLong ||= json.length > mostUnits;
      if (isTooLong) json = '';
    },
    end: () => (isTooLong || open === undefined ? '[]' : `[${json}${JSON.stringify(open)}]`),
  };
}
