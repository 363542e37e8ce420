import type { ContentPart } from '../spec/parser.ts';
import { partUnits } from './content-parts.ts';
import { tableLine } from './document-builder.ts';

/** A document that is one table, as `addTable` of the builder makes it, in parts. */
export interface TableParts {
  /** One row; an empty one is left out. Gives a part when there is enough for one. */
  add(cells: readonly string[]): ContentPart | undefined;
  /** The first row was the header. */
  startsWithHeader(): void;
  /** What is left. */
  end(): ContentPart | undefined;
  /** Of all parts. UTF-16 units. */
  readonly length: number;
}

export function createTableParts(): TableParts {
  let lines: string[] = [];
  let units = 0;
  let length = 0;
  let firstLength = 0;
  let header: { readonly start: number; readonly end: number } | undefined;

  function take(): ContentPart | undefined {
    if (lines.length === 0) return undefined;
    const text = `${length === 0 ? '' : '\n'}${lines.join('\n')}`;
    length += text.length;
    lines = [];
    units = 0;
    return { text, blocks: [{ kind: 'table', start: 0, end: length, ...(header === undefined ? {} : { header }) }] };
  }

  return {
    add(cells) {
      const line = tableLine(cells);
      if (line === '') return undefined;
      if (length === 0 && lines.length === 0) firstLength = line.length;
      lines.push(line);
      units += line.length + 1;
      return units < partUnits ? undefined : take();
    },
    startsWithHeader() {
      header = { start: 0, end: firstLength };
    },
    end: take,
    get length() {
      return length;
    },
  };
}
