import { type Options, parse as parseStream } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { Readable } from 'node:stream';
import type { ContentBeyondParts, ContentPart, FormatParser } from '../../spec/parser.ts';
import { decodeText } from '../decode-text.ts';
import { createDocumentBuilder } from '../document-builder.ts';
import { createTableParts } from '../table-parts.ts';
import { textWindows } from '../text-windows.ts';

/** Comma, semicolon, tab or bar separated values: one table, with its header where the first row looks like one. */
export const parseCsv: FormatParser['parse'] = (bytes, { name, encoding = 'utf-8' }) => {
  const source = decodeText(bytes, encoding).replace(/^\uFEFF/, '');
  const delimiter = separatorOf(source, name);
  const rows = rowsOf(source, delimiter);
  const builder = createDocumentBuilder();
  builder.addTable(rows, headerRows(rows));
  return Promise.resolve({ ...builder.build(), warnings: [] });
};

const rowOptions = { relax_column_count: true, relax_quotes: true, skip_empty_lines: true } as const;

function rowsOf(source: string, delimiter: string): string[][] {
  const options = { ...rowOptions, delimiter };
  try {
    return parse(source, options);
  } catch {
    // A quotation mark that never ends: it is part of the text then.
    return parse(source, { ...options, quote: null });
  }
}

/** The same for a large file: one table in parts. Where a quotation mark never ends, those from its row on are part of the text. */
export async function* parseCsvInParts(
  bytes: Uint8Array,
  { name, encoding = 'utf-8' }: { readonly name: string; readonly encoding?: string },
): AsyncGenerator<ContentPart, ContentBeyondParts> {
  const [beginning = ''] = textWindows(bytes, encoding);
  const rows = streamedRows(bytes, encoding, separatorOf(beginning, name));
  const first: string[][] = [];
  const table = createTableParts();
  for await (const row of rows) {
    const part = table.add(row);
    if (first.length < 2 && first.push(row) === 2 && headerRows(first) === 1) table.startsWithHeader();
    if (part !== undefined) yield part;
  }
  const last = table.end();
  if (last !== undefined) yield last;
  return { pages: [{ number: 1, start: 0, end: table.length }], warnings: [] };
}

async function* streamedRows(bytes: Uint8Array, encoding: string, delimiter: string): AsyncGenerator<string[]> {
  /** Bytes of the source in UTF-8 up to the end of the last row. */
  let end = 0;
  const options = { ...rowOptions, delimiter, info: true };
  try {
    for await (const { record, info } of rowStream(utf8Source(bytes, encoding, 0), options)) {
      end = info.bytes;
      yield record;
    }
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'CSV_QUOTE_NOT_CLOSED') throw error;
    for await (const { record } of rowStream(utf8Source(bytes, encoding, end), { ...options, quote: null })) yield record;
  }
}

interface StreamedRow {
  readonly record: string[];
  readonly info: { readonly bytes: number };
}

function rowStream(source: Iterable<Buffer>, options: Options): AsyncIterable<StreamedRow> {
  const rows = parseStream(options);
  const input = Readable.from(source);
  input.on('error', (error) => rows.destroy(error));
  return input.pipe(rows) as AsyncIterable<StreamedRow>;
}

/** The source without what was read of it. */
function* utf8Source(bytes: Uint8Array, encoding: string, from: number): Generator<Buffer> {
  let at = 0;
  for (const window of textWindows(bytes, encoding)) {
    const source = Buffer.from(at === 0 ? window.replace(/^\uFEFF/, '') : window, 'utf8');
    if (at + source.length > from) yield source.subarray(Math.max(0, from - at));
    at += source.length;
  }
}

const separators = [',', ';', '\t', '|'];

/** The one that parts most of the first lines into the same number of cells; what the name says where none does. */
function separatorOf(source: string, name: string): string {
  const likely = /\.tsv$/i.test(name) ? '\t' : ',';
  const lines = source
    .slice(0, 20_000)
    .split(/\r\n?|\n/, 20)
    .filter((line) => line.trim() !== '');
  let best = { separator: likely, score: 0 };
  for (const separator of [likely, ...separators]) {
    const counts = lines.map((line) => line.replace(/"[^"]*"/g, '').split(separator).length);
    const usual = counts[0] ?? 1;
    const score = usual < 2 ? 0 : counts.filter((count) => count === usual).length / counts.length + usual / 1_000;
    if (score > best.score) best = { separator, score };
  }
  return best.separator;
}
/** A first row of names over other rows: none of its cells is empty or a number, and none occurs twice. */
export function headerRows(rows: readonly (readonly string[])[]): 0 | 1 {
  const [first] = rows;
  if (first === undefined || rows.length < 2 || first.length < 2) return 0;
  const names = first.map((cell) => cell.trim());
  const isName = (cell: string): boolean => cell !== '' && !/^[-+]?[\d.,]+(?:[eE][-+]?\d+)?%?$/.test(cell);
  // The first column of a table with row names may have none of its own.
  return names.slice(1).every(isName) && new Set(names).size === names.length ? 1 : 0;
}
