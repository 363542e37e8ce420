import { parse } from 'csv-parse/sync';
import type { FormatParser } from '../../spec/parser.ts';
import { decodeText } from '../decode-text.ts';
import { createDocumentBuilder } from '../document-builder.ts';

/** Comma, semicolon, tab or bar separated values: one table, with its header where the first row looks like one. */
export const parseCsv: FormatParser['parse'] = (bytes, { name, encoding = 'utf-8' }) => {
  const source = decodeText(bytes, encoding).replace(/^\uFEFF/, '');
  const delimiter = separatorOf(source, /\.tsv$/i.test(name) ? '\t' : ',');
  const rows = rowsOf(source, delimiter);
  const builder = createDocumentBuilder();
  builder.addTable(rows, headerRows(rows));
  return Promise.resolve({ ...builder.build(), warnings: [] });
};

function rowsOf(source: string, delimiter: string): string[][] {
  const options = { delimiter, relax_column_count: true, relax_quotes: true, skip_empty_lines: true };
  try {
    return parse(source, options);
  } catch {
    // A quotation mark that never ends: it is part of the text then.
    return parse(source, { ...options, quote: null });
  }
}

const separators = [',', ';', '\t', '|'];

/** The one that parts most of the first lines into the same number of cells; `likely` where none does. */
function separatorOf(source: string, likely: string): string {
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
