import { type CellObject, read, utils, type WorkBook, type WorkSheet } from '@e965/xlsx';
import { isMillraceError, MillraceError } from '../../errors.ts';
import type { FormatParser, ParsedContent } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import { childElement, descendants, parseXmlBytes, xmlText } from '../xml-tree.ts';
import { openZip } from '../zip.ts';
import { chartRows } from './chart.ts';
import { commentText } from './comment.ts';
import { propertiesOf } from './open-package.ts';
import { writeStoredZip } from './stored-zip.ts';
import { greatest } from '../../util/greatest.ts';

/** Cells beyond it are left out, with a warning. */
const maxCells = 2_000_000;
const maxMerges = 10_000;
const maxMergedArea = 1_000;
/** A wider cell is a title over the table. */
const maxMergedColumns = 6;

/**
 * Workbooks of Excel (new, old and binary) and OpenDocument: each sheet a page, labelled with its name; blocks of filled cells are
 * tables with their header, values as they are shown.
 */
export const parseWorkbook: FormatParser['parse'] = async (bytes, { name }) => {
  const parts = bytes[0] === 0x50 ? await readParts(bytes, name) : undefined;
  // The library unpacks archives itself, without limits, and trusts their headers: it gets one that was made here.
  const book = readBook(parts === undefined ? bytes : writeStoredZip(parts), name);
  const builder = createDocumentBuilder();
  const warnings: string[] = [];
  let cells = 0;
  for (const sheetName of book.SheetNames) {
    builder.startPage(sheetName);
    const sheet = book.Sheets[sheetName];
    if (sheet === undefined) continue;
    const grid = readGrid(sheet, maxCells - cells);
    cells += grid.count;
    if (grid.count > 0) builder.add('heading', sheetName, { level: 1 });
    for (const rows of tables(grid.rows)) addTable(builder, rows);
    addComments(builder, sheet);
    if (grid.isCut) warnings.push(`${sheetName} holds more than ${maxCells} cells; those after it are left out.`);
  }
  if (parts !== undefined) addDrawings(builder, parts);
  const meta = parts?.get('meta.xml');
  return { ...builder.build(), ...(meta === undefined ? properties(book) : propertiesOf(parseXmlBytes(meta))), warnings };
};

/** Parts that hold no cells: pictures, printer settings, macros. */
const unneeded = /\.(?:png|jpe?g|gif|emf|wmf|bmp|tiff?|bin\.rels|vml)$|printerSettings|vbaProject\.bin$/i;

/** All parts that matter, unpacked within the limits; one that is damaged is left out where it is no sheet. */
async function readParts(bytes: Uint8Array, name: string): Promise<ReadonlyMap<string, Buffer>> {
  const archive = await openZip(bytes, name);
  const parts = new Map<string, Buffer>();
  for (const entry of archive.entries) {
    if (unneeded.test(entry.name)) continue;
    try {
      parts.set(entry.name, await entry.read());
    } catch (error) {
      if (!isMillraceError(error) || error.code !== 'E_DOCUMENT_DAMAGED' || /workbook|sheet|content\.xml/i.test(entry.name)) throw error;
    }
  }
  return parts;
}

/** The data of charts, and the text of shapes on the sheets: they belong to drawings, which the library leaves out. */
function addDrawings(builder: DocumentBuilder, parts: ReadonlyMap<string, Buffer>): void {
  for (const [name, content] of parts) {
    if (/^xl\/charts\/chart[^/]*\.xml$/.test(name)) builder.addTable(chartRows(parseXmlBytes(content)), 1);
    else if (/^xl\/drawings\/drawing[^/]*\.xml$/.test(name)) {
      for (const body of descendants(parseXmlBytes(content), 'txBody')) {
        const paragraphs = [...descendants(body, 'p')].map((paragraph) =>
          [...descendants(paragraph, 'r')].map((run) => xmlText(childElement(run, 't'))).join(''),
        );
        builder.add('paragraph', paragraphs.join('\n'));
      }
    }
  }
}

function readBook(bytes: Uint8Array, name: string): WorkBook {
  try {
    return read(bytes, {
      type: 'buffer',
      dense: true,
      cellFormula: false,
      cellHTML: false,
      cellNF: false,
      cellStyles: false,
      bookVBA: false,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (/password|encrypt/i.test(message))
      throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is protected by a password.`, { cause: error });
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} cannot be read as a workbook: ${message}.`, { cause: error });
  }
}

interface Grid {
  /** Row by row, without rows that are empty at the end; cells as they are shown. */
  readonly rows: string[][];
  readonly count: number;
  readonly isCut: boolean;
}

/** Sparse: a sheet may claim a range of millions of rows and hold ten cells. */
function readGrid(sheet: WorkSheet, most: number): Grid {
  const data = (sheet['!data'] ?? []) as readonly (readonly (CellObject | undefined)[] | undefined)[];
  const rows: string[][] = [];
  const merged = mergedTexts(sheet, data);
  let count = 0;
  let isCut = false;
  data.forEach((cells, rowNumber) => {
    if (isCut || cells === undefined) return;
    const row: string[] = merged[rowNumber] ?? [];
    cells.forEach((cell, column) => {
      const text = cell === undefined ? '' : cellText(cell);
      if (text === '') return;
      count += 1;
      row[column] = text;
    });
    if (row.length > 0) rows[rowNumber] = Array.from(row, (text) => text ?? '');
    if (count >= most) isCut = true;
  });
  return { rows, count, isCut };
}

/** Cells that cover several rows or columns give their text to each of them, unless they are wide titles. */
function mergedTexts(sheet: WorkSheet, data: readonly (readonly (CellObject | undefined)[] | undefined)[]): string[][] {
  const texts: string[][] = [];
  const merges = sheet['!merges'] ?? [];
  for (const { s: start, e: end } of merges.slice(0, maxMerges)) {
    const cell = data[start.r]?.[start.c];
    const text = cell === undefined ? '' : cellText(cell);
    const area = (end.r - start.r + 1) * (end.c - start.c + 1);
    if (text === '' || text.length > 60 || area > maxMergedArea || end.c - start.c >= maxMergedColumns) continue;
    for (let row = start.r; row <= end.r; row += 1) {
      for (let column = start.c; column <= end.c; column += 1) (texts[row] ??= [])[column] = text;
    }
  }
  return texts;
}

function cellText(cell: CellObject): string {
  if (cell.t === 'z') return '';
  const shown = cell.w ?? (cell.v === undefined || cell.v === null ? '' : utils.format_cell(cell));
  return shown.trim();
}

/** Blocks of rows between empty ones. Two empty rows or more always part tables; one only where the next row looks like a header. */
function tables(rows: readonly string[][]): string[][][] {
  const result: string[][][] = [];
  let current: string[][] = [];
  let previous = -1;
  rows.forEach((row, number) => {
    const gap = number - previous - 1;
    if (current.length > 0 && (gap > 1 || (gap === 1 && startsTable(row, current)))) {
      result.push(current);
      current = [];
    }
    current.push(row);
    previous = number;
  });
  if (current.length > 0) result.push(current);
  return result;
}

function startsTable(row: readonly string[], above: readonly (readonly string[])[]): boolean {
  const last = above.at(-1) ?? [];
  return isHeader(row) && (filled(row) !== filled(last) || !isHeader(last));
}

function filled(row: readonly string[]): number {
  return row.filter((cell) => cell !== '').length;
}

/** Words, no numbers. */
function isHeader(row: readonly string[]): boolean {
  const cells = row.filter((cell) => cell !== '');
  return cells.length > 0 && cells.every((cell) => /\p{L}/u.test(cell) && !/^[-+]?[\d.,\s]+%?$/.test(cell));
}

/** Lines above the header (a title, a date) become paragraphs; columns that are empty all through are left out. */
function addTable(builder: DocumentBuilder, rows: readonly string[][]): void {
  const width = greatest(
    rows.map((row) => row.length),
    0,
  );
  const columns = Array.from({ length: width }, (_, column) => column).filter((column) => rows.some((row) => (row[column] ?? '') !== ''));
  const start = rows.findIndex((row) => filled(row) > 1);
  if (columns.length < 2 || start === -1) {
    for (const row of rows) builder.add('paragraph', row.filter((cell) => cell !== '').join(' '), { close: true });
    return;
  }
  for (const row of rows.slice(0, start)) builder.add('paragraph', row.filter((cell) => cell !== '').join(' '));
  const body = rows.slice(start).map((row) => columns.map((column) => row[column] ?? ''));
  builder.addTable(body, body.length > 1 && isHeader(body[0] ?? []) ? 1 : 0);
}

function addComments(builder: DocumentBuilder, sheet: WorkSheet): void {
  const data = (sheet['!data'] ?? []) as readonly (readonly (CellObject | undefined)[] | undefined)[];
  data.forEach((cells, row) =>
    cells?.forEach((cell, column) => {
      for (const comment of cell?.c ?? []) {
        const text = comment.t.trim();
        if (text !== '') builder.add('quote', commentText(text, comment.a, undefined, ` at ${utils.encode_cell({ r: row, c: column })}`));
      }
    }),
  );
}

function properties(book: WorkBook): Pick<ParsedContent, 'title' | 'author' | 'createdAt' | 'modifiedAt'> {
  const { Title, Author, CreatedDate, ModifiedDate } = (book.Props ?? {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown): string => (typeof value === 'string' ? canonicalText(value).trim() : '');
  const time = (value: unknown): number | undefined => {
    const milliseconds = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isFinite(milliseconds) ? milliseconds : undefined;
  };
  const createdAt = time(CreatedDate);
  const modifiedAt = time(ModifiedDate);
  return {
    ...(text(Title) === '' ? {} : { title: text(Title) }),
    ...(text(Author) === '' ? {} : { author: text(Author) }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}
