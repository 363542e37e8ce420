import type { ContentBeyondParts, ContentPart, FormatParser } from '../../spec/parser.ts';
import { partUnits } from '../content-parts.ts';
import { decodeText } from '../decode-text.ts';
import { createDocumentBuilder } from '../document-builder.ts';
import { parsePlainText, parsePlainTextInParts } from '../plain-text.ts';
import { createTableParts } from '../table-parts.ts';
import { textWindows } from '../text-windows.ts';
import { addItem, addList, cellsOf, createColumns, isTooDeep, type Json, tooDeep } from './json.ts';

/** One JSON value a line: a table where they are like objects, else a paragraph each. */
export const parseJsonLines: FormatParser['parse'] = async (bytes, context) => {
  const values: Json[] = [];
  let broken = 0;
  for (const line of linesOf([decodeText(bytes, context.encoding ?? 'utf-8')])) {
    const { value, isBroken } = valueOf(line);
    if (isBroken) broken += 1;
    values.push(value);
  }
  if (values.some(isTooDeep)) return { ...(await parsePlainText(bytes, context)), warnings: [tooDeep] };
  const builder = createDocumentBuilder();
  addList(builder, values, 1);
  return { ...builder.build(), warnings: brokenLines(broken) };
};

/** The same for a large file, which is read twice: what becomes of its lines is known after all of them. */
export function* parseJsonLinesInParts(
  bytes: Uint8Array,
  context: { readonly encoding?: string },
): Generator<ContentPart, ContentBeyondParts> {
  const { encoding = 'utf-8' } = context;
  let broken = 0;
  const table = createColumns();
  for (const line of linesOf(textWindows(bytes, encoding))) {
    const { value, isBroken } = valueOf(line);
    if (isTooDeep(value)) return { ...(yield* parsePlainTextInParts(bytes, context)), warnings: [tooDeep] };
    if (isBroken) broken += 1;
    table.add(value);
  }
  const columns = table.columns();
  const lines = linesOf(textWindows(bytes, encoding));
  const length = columns === undefined ? yield* listParts(lines) : yield* tableParts(lines, columns);
  return { pages: [{ number: 1, start: 0, end: length }], warnings: brokenLines(broken) };
}

function* listParts(lines: Iterable<string>): Generator<ContentPart, number> {
  const builder = createDocumentBuilder();
  let taken = 0;
  let started = false;
  for (const line of lines) {
    started = addItem(builder, valueOf(line).value, 1, started);
    if (builder.length - taken < partUnits) continue;
    taken = builder.length;
    yield builder.takePart();
  }
  yield builder.takePart();
  return builder.length;
}

function* tableParts(lines: Iterable<string>, columns: readonly string[]): Generator<ContentPart, number> {
  const table = createTableParts();
  table.add(columns);
  table.startsWithHeader();
  for (const line of lines) {
    const part = table.add(cellsOf(valueOf(line).value, columns));
    if (part !== undefined) yield part;
  }
  const last = table.end();
  if (last !== undefined) yield last;
  return table.length;
}

/** The lines of a text that comes window by window, without those that are blank. */
function* linesOf(windows: Iterable<string>): Generator<string> {
  let rest: string[] = [];
  for (const window of windows) {
    const lines = window.split('\n');
    rest.push(lines[0] ?? '');
    if (lines.length === 1) continue;
    yield* notBlank(rest.join(''));
    for (let index = 1; index < lines.length - 1; index += 1) yield* notBlank(lines[index] ?? '');
    rest = [lines.at(-1) ?? ''];
  }
  yield* notBlank(rest.join(''));
}

/** White space is also what a mark of the byte order in the middle of a text is. */
function notBlank(line: string): readonly string[] {
  return line.trim() === '' ? [] : [line.replace(/^\uFEFF/, '')];
}

/** What is no JSON is a text. */
function valueOf(line: string): { readonly value: Json; readonly isBroken: boolean } {
  try {
    return { value: JSON.parse(line) as Json, isBroken: false };
  } catch {
    return { value: line.trim(), isBroken: true };
  }
}

function brokenLines(broken: number): string[] {
  if (broken === 0) return [];
  return [`${broken} ${broken === 1 ? 'line is' : 'lines are'} not valid JSON and ${broken === 1 ? 'was' : 'were'} read as text.`];
}
