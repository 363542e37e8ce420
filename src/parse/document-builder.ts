import type { ContentPart, ParsedBlock, ParsedPage } from '../spec/parser.ts';
import { canonicalText } from './canonical-text.ts';

export interface DocumentBuilder {
  /**
   * Appends a block. Its text is made canonical and trimmed at the end and of leading empty lines; a blank block is left out.
   * `close` puts it on the next line instead of after an empty line: items of one list.
   */
  add(kind: ParsedBlock['kind'], text: string, options?: { readonly level?: number; readonly close?: boolean }): void;
  /** A table: one line a row, cells joined by " | ". `headerRows` rows at its start are the header. */
  addTable(rows: readonly (readonly string[])[], headerRows: number): void;
  /** What is added from here on stands on a new page. A document whose pages are never started has one. */
  startPage(label?: string): void;
  /** UTF-16 units so far. */
  readonly length: number;
  /** What was added since the last part was taken, for documents without pages that are never built as a whole. */
  takePart(): ContentPart;
  /** Text, blocks and pages so far. */
  build(): { readonly text: string; readonly blocks: ParsedBlock[]; readonly pages: ParsedPage[] };
}

export function createDocumentBuilder(): DocumentBuilder {
  const parts: string[] = [];
  const blocks: ParsedBlock[] = [];
  const pageStarts: { readonly label: string | undefined; readonly firstBlock: number }[] = [];
  let length = 0;

  /** Appends canonical, trimmed, not empty text; returns where it starts. */
  function append(text: string, separator: string): number {
    if (length > 0) {
      parts.push(separator);
      length += separator.length;
    }
    const start = length;
    parts.push(text);
    length += text.length;
    return start;
  }

  function pages(): ParsedPage[] {
    if (pageStarts.length === 0) return [{ number: 1, start: 0, end: length }];
    return pageStarts.map(({ label, firstBlock }, index) => {
      const nextBlock = pageStarts[index + 1]?.firstBlock ?? blocks.length;
      const start = blocks[firstBlock]?.start ?? length;
      const end = nextBlock > firstBlock ? (blocks[nextBlock - 1]?.end ?? start) : start;
      const canonicalLabel = label === undefined ? '' : canonicalText(label).replace(/\s+/g, ' ').trim().slice(0, 200);
      return { number: index + 1, ...(canonicalLabel === '' ? {} : { label: canonicalLabel }), start, end };
    });
  }

  return {
    get length() {
      return length;
    },
    add(kind, text, options = {}) {
      const canonical = canonicalText(text)
        .replace(/^(?:[^\S\n]*\n)+/, '')
        .trimEnd();
      if (canonical === '') return;
      const start = append(canonical, options.close === true ? '\n' : '\n\n');
      blocks.push({ kind, start, end: length, ...(options.level === undefined ? {} : { level: options.level }) });
    },
    addTable(rows, headerRows) {
      const lines = rows.map(tableLine);
      const header = lines
        .slice(0, headerRows)
        .filter((line) => line !== '')
        .join('\n');
      const body = lines
        .slice(headerRows)
        .filter((line) => line !== '')
        .join('\n');
      const text = header === '' || body === '' ? header + body : `${header}\n${body}`;
      if (text === '') return;
      const start = append(text, '\n\n');
      blocks.push({ kind: 'table', start, end: length, ...(header === '' ? {} : { header: { start, end: start + header.length } }) });
    },
    startPage(label) {
      pageStarts.push({ label, firstBlock: blocks.length });
    },
    takePart() {
      return { text: parts.splice(0).join(''), blocks: blocks.splice(0) };
    },
    build() {
      return { text: parts.join(''), blocks, pages: pages() };
    },
  };
}

/** A row of a table as a line; empty where all cells are. */
export function tableLine(cells: readonly string[]): string {
  const texts = cells.map((cell) => canonicalText(cell).replace(/\s+/g, ' ').trim());
  if (texts.every((text) => text === '')) return '';
  return texts.join(' | ').trim();
}
