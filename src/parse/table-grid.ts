import { greatest } from '../util/greatest.ts';

/** A cell as formats store it: its text, and how many columns and rows it covers. */
export interface SpanningCell {
  readonly text: string;
  /** Default 1. */
  readonly columns?: number;
  /** Default 1. */
  readonly rows?: number;
}

/** Spans come from documents and may say anything. */
const maxSpan = 1_000;

/** A longer text stands only in the first of the places that its cell covers. UTF-16 units. */
const maxRepeated = 60;

/**
 * Rows of as many cells as the table has columns. A short text that covers several places stands in each of them, so that a row can be
 * read by itself; one that covers the whole width is a title and stands once.
 */
export function tableGrid(rows: readonly (readonly SpanningCell[])[]): string[][] {
  const width = Math.min(
    greatest(
      rows.map((cells) => cells.reduce((sum, { columns }) => sum + spanOf(columns), 0)),
      0,
    ),
    maxSpan,
  );
  /** What cells of earlier rows leave in a column: for how many rows more, and the text. */
  const below: ({ rows: number; readonly text: string } | undefined)[] = [];
  return rows.map((cells) => {
    const row: string[] = [];
    function takeBelow(): void {
      for (let left = below[row.length]; left !== undefined && left.rows > 0; left = below[row.length]) {
        left.rows -= 1;
        row.push(left.text);
      }
    }
    for (const { text, columns, rows: height } of cells) {
      takeBelow();
      const span = spanOf(columns);
      const trimmed = text.trim();
      const repeated = trimmed.length <= maxRepeated && span < width ? trimmed : '';
      for (let place = 0; place < span && row.length < maxSpan; place += 1) {
        if (spanOf(height) > 1) below[row.length] = { rows: spanOf(height) - 1, text: trimmed.length <= maxRepeated ? trimmed : '' };
        row.push(place === 0 ? text : repeated);
      }
    }
    takeBelow();
    return row;
  });
}

function spanOf(span: number | undefined): number {
  return span === undefined || !Number.isInteger(span) || span < 1 ? 1 : Math.min(span, maxSpan);
}
