import { MillraceError } from '../../errors.ts';
import type { DocumentId } from '../../spec/identifiers.ts';
import { createSha256, sha256 } from '../../util/hash.ts';
import type { Piece } from '../../util/pieced-text.ts';
import type { Connection } from './connection.ts';

/**
 * The text of a document on record, of which ranges are read. Short ones are strings and lie in one row; a long one lies in pieces, in rows of
 * `text_pieces`, and is never whole in memory: that would take several times its size in the writing thread and in those that read.
 */
export interface StoredText {
  slice(start: number, end: number): string;
}

function partOf({ start: at, text }: Piece, start: number, end: number): string {
  return text.slice(Math.max(0, start - at), Math.max(0, end - at));
}

export function insertPiece(connection: Connection, document: string, { start, text }: Piece): void {
  connection.prepare('INSERT INTO text_pieces (document, start, text) VALUES (?, ?, ?)').run(document, start, text);
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
export function storedText(connection: Connection, document: string): StoredText {
  const row = connection.prepare('SELECT text FROM document_texts WHERE document = ?').get(document) as { text: string } | undefined;
  return row === undefined || row.text !== '' ? (row?.text ?? '') : textInPieces(connection, document);
}

/** Of a document whose text lies in pieces: as much as has been written. */
export function textInPieces(connection: Connection, document: string): StoredText {
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
