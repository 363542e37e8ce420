import type { FormatParser, ParsedContent } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { decodeText } from '../decode-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import { parsePlainText } from '../plain-text.ts';

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** What nests deeper is read as plain text. */
const maxDepth = 64;
/** The warning that says so. */
export const tooDeep = `It nests deeper than ${maxDepth} levels and was read as plain text.`;
/** More names make no table that anybody could read. */
const maxColumns = 100;

/** Objects as "name: value" lines under headings, lists of like objects as tables. */
export const parseJson: FormatParser['parse'] = async (bytes, context) => {
  const source = decodeText(bytes, context.encoding ?? 'utf-8').replace(/^\uFEFF/, '');
  let value: Json;
  try {
    value = JSON.parse(source) as Json;
  } catch {
    return asText(bytes, context, 'It is not valid JSON and was read as plain text.');
  }
  if (isTooDeep(value)) return asText(bytes, context, tooDeep);
  const builder = createDocumentBuilder();
  addValue(builder, value, 1);
  const title = isObject(value) && typeof value['title'] === 'string' ? canonicalText(value['title']).trim() : '';
  return { ...builder.build(), ...(title === '' ? {} : { title: title.slice(0, 2_000) }), warnings: [] };
};

async function asText(bytes: Uint8Array, context: Parameters<FormatParser['parse']>[1], warning: string): Promise<ParsedContent> {
  return { ...(await parsePlainText(bytes, context)), warnings: [warning] };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: Json): value is string | number | boolean | null {
  return typeof value !== 'object' || value === null;
}

/** Without recursion: the nesting is what is to be found out. */
export function isTooDeep(value: Json): boolean {
  const stack: { readonly value: Json; readonly depth: number }[] = [{ value, depth: 1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (isScalar(next.value)) continue;
    if (next.depth > maxDepth) return true;
    for (const child of Object.values<Json>(next.value)) if (!isScalar(child)) stack.push({ value: child, depth: next.depth + 1 });
  }
  return false;
}

function scalarText(value: Json): string {
  return value === null || typeof value === 'object' ? '' : String(value);
}

function addValue(builder: DocumentBuilder, value: Json, level: number): void {
  if (isScalar(value)) builder.add('paragraph', scalarText(value));
  else if (isObject(value)) addObject(builder, value, level);
  else addList(builder, value, level);
}

/** Plain values first, as they describe the object; then each part under its name. */
function addObject(builder: DocumentBuilder, value: JsonObject, level: number): void {
  const entries = Object.entries(value);
  const lines = entries.flatMap(([name, one]) => (isShort(one) ? [`${name}: ${shortText(one)}`] : []));
  builder.add('paragraph', lines.join('\n'));
  for (const [name, one] of entries) {
    if (isShort(one)) continue;
    builder.add('heading', name, { level: Math.min(level, 6) });
    addValue(builder, one, level + 1);
  }
}

/** Fits a line: a plain value, or a list of few. */
function isShort(value: Json): boolean {
  if (isScalar(value)) return true;
  return Array.isArray(value) && (value as readonly Json[]).every(isScalar) && shortText(value).length <= 200;
}

function shortText(value: Json): string {
  return Array.isArray(value) ? (value as readonly Json[]).map(scalarText).join(', ') : scalarText(value);
}

export function addList(builder: DocumentBuilder, values: readonly Json[], level: number): void {
  const table = createColumns();
  for (const value of values) if (!table.add(value)) break;
  const columns = table.columns();
  if (columns !== undefined) {
    builder.addTable([columns, ...values.map((value) => cellsOf(value, columns))], 1);
    return;
  }
  let started = false;
  for (const value of values) started = addItem(builder, value, level, started);
}

/** One value of a list that is no table. `started`: the one before it is a list item; returns whether this one is. */
export function addItem(builder: DocumentBuilder, value: Json, level: number, started: boolean): boolean {
  if (!isScalar(value)) {
    addValue(builder, value, level);
    return false;
  }
  builder.add('list-item', `- ${scalarText(value)}`, { close: started });
  return true;
}

/** A row of the table that a list of like objects is. */
export function cellsOf(value: Json, columns: readonly string[]): string[] {
  const object = value as JsonObject;
  return columns.map((name) => shortText(Object.hasOwn(object, name) ? (object[name] ?? null) : null));
}

/** Finds out whether the values of a list are like objects with short values. */
export function createColumns(): {
  /** False when they are not, whatever comes. */
  add(value: Json): boolean;
  /** Their names in the order in which they first occurred; `undefined` where it is no table. */
  columns(): string[] | undefined;
} {
  const columns = new Set<string>();
  let cells = 0;
  let rows = 0;
  let isTable = true;

  function addRow(value: Json): boolean {
    if (!isObject(value)) return false;
    for (const [name, one] of Object.entries(value)) {
      if (!isShort(one) || shortText(one).length > 500) return false;
      columns.add(name);
      cells += 1;
    }
    rows += 1;
    return columns.size <= maxColumns;
  }

  return {
    add(value) {
      isTable &&= addRow(value);
      return isTable;
    },
    columns() {
      // Mostly empty cells: the objects are not alike.
      return isTable && rows > 1 && columns.size > 1 && cells * 2 >= columns.size * rows ? [...columns] : undefined;
    },
  };
}
