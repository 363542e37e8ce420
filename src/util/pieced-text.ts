import type { SlicedText } from '../spec/sliced-text.ts';

/** One piece of a text, and where in it the piece begins. */
export interface Piece {
  readonly start: number;
  readonly text: string;
}

/** Pieces that are in memory, as one text. */
export interface PiecedText extends SlicedText {
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
    slice(start = 0, end = length) {
      let index = firstFor(pieces, start);
      let slice = '';
      for (let piece = pieces[index]; piece !== undefined && piece.start < end; piece = pieces[(index += 1)]) {
        slice += piece.text.slice(Math.max(0, start - piece.start), Math.max(0, end - piece.start));
      }
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
