import { MillraceError } from '../../errors.ts';
import type { DocumentId } from '../../spec/identifiers.ts';
import { createSha256, sha256 } from '../../util/hash.ts';
import type { Connection } from './connection.ts';

/**
 * A text of which ranges are read. Short ones are strings and lie in one row; a long one lies in pieces, in rows of `text_pieces`, and is
 * never whole in memory: that would take several times its size in the writing thread and in those that read.
 */
export interface SlicedText {
  slice(start: number, end: number): string;
}

/** One piece of a text, and where in it the piece begins. */
interface Piece {
  readonly start: number;
  readonly text: string;
}

/** Pieces that are in memory, as one text. */
export interface PiecedText extends SlicedText {
  /** UTF-16 units. */
  readonly length: number;
  readonly pieces: readonly Piece[];
}

export function piecedText(texts: readonly string[]): PiecedText {
  const pieces: Piece[] = [];
  let length = 0;
  for (const text of texts) {
    pieces.push({ start: length, text });
    length += text.length;
  }
  return {
    length,
    pieces,
    slice(start, end) {
      let index = firstFor(pieces, start);
      let slice = '';
      for (let piece = pieces[index]; piece !== undefined && piece.start < end; piece = pieces[(index += 1)])
        slice += partOf(piece, start, end);
      return slice;
    },
  };
}

/** The piece that holds a position, by binary search. */
function firstFor(pieces: readonly Piece[], position: number): number {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((pieces[middle]?.start ?? 0) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

function partOf({ start: at, text }: Piece, start: number, end: number): string {
  return text.slice(Math.max(0, start - at), Math.max(0, end - at));
}

const insertPiece = 'INSERT INTO text_pieces (document, start, text) VALUES (?, ?, ?)';

export function insertPieces(connection: Connection, document: string, { pieces }: PiecedText): void {
  const insert = connection.prepare(insertPiece);
  for (const { start, text } of pieces) insert.run(document, start, text);
}

/** All pieces of a document in order, one at a time in memory. */
function* readPieces(connection: Connection, document: string): Generator<Piece> {
  const next = connection.prepare('SELECT start, text FROM text_pieces WHERE document = ? AND start > ? ORDER BY start LIMIT 1');
  for (let after = -1; ;) {
    const piece = next.get(document, after) as Piece | undefined;
    if (piece === undefined) return;
    yield piece;
    after = piece.start;
  }
}

/** The text of a document on record, not checked; empty where there is none. */
export function storedText(connection: Connection, document: string): SlicedText {
  const row = connection.prepare('SELECT text FROM document_texts WHERE document = ?').get(document) as { text: string } | undefined;
  return row === undefined || row.text !== '' ? (row?.text ?? '') : textInPieces(connection, document);
}

function textInPieces(connection: Connection, document: string): SlicedText {
  const covering = connection.prepare('SELECT start, text FROM text_pieces WHERE document = ? AND start <= ? ORDER BY start DESC LIMIT 1');
  /** The two used last, the latest first: chunks are read one behind the other, and in turn with the header of their table. */
  let kept: readonly Piece[] = [];

  function pieceAt(position: number): Piece | undefined {
    const known = kept.find(({ start, text }) => position >= start && position < start + text.length);
    const piece = known ?? (covering.get(document, position) as Piece | undefined);
    if (piece !== undefined && piece !== kept[0]) kept = [piece, ...kept.filter((other) => other !== piece).slice(0, 1)];
    return piece;
  }

  return {
    slice(start, end) {
      let slice = '';
      for (let at = start; at < end;) {
        const piece = pieceAt(at);
        const pieceEnd = piece === undefined ? at : piece.start + piece.text.length;
        if (piece === undefined || pieceEnd <= at) break;
        slice += partOf(piece, at, end);
        at = pieceEnd;
      }
      return slice;
    },
  };
}

/** sha256 of the text of a document as it is on record; undefined where it has no text. */
export function storedTextHash(connection: Connection, document: string): string | undefined {
  const row = connection.prepare('SELECT text FROM document_texts WHERE document = ?').get(document) as { text: string } | undefined;
  if (row === undefined) return undefined;
  if (row.text !== '') return sha256(row.text);
  const hash = createSha256();
  for (const { text } of readPieces(connection, document)) hash.update(Buffer.from(text, 'utf8'));
  return hash.digest();
}

/** Text of a range. Throws `E_STORE_CORRUPT` when the whole is not the text that was committed; undefined where there is no such document. */
export function readSpan(connection: Connection, id: DocumentId, start: number, end: number): string | undefined {
  const document = connection.prepare('SELECT text_sha256 AS sha256 FROM documents WHERE id = ?').get(id) as
    | { readonly sha256: string }
    | undefined;
  if (document === undefined) return undefined;
  if (storedTextHash(connection, id) !== document.sha256) {
    throw new MillraceError('E_STORE_CORRUPT', `The stored text of document ${id} differs from the text that was committed.`);
  }
  return storedText(connection, id).slice(start, end);
}
