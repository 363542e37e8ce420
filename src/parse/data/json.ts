import type { FormatParser, ParsedContent } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { decodeText } from '../decode-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import { parsePlainText } from '../plain-text.ts';

type Json = string | number | boolean | null | readonly Json[] | JsonObject;
interface JsonObject {
  readonly [key: string]: Json;
}

/** What nests deeper is read as plain text. */
const maxDepth = 64;
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
  if (depthOf(value) > maxDepth) return asText(bytes, context, `It nests deeper than ${maxDepth} levels and was read as plain text.`);
  const builder = createDocumentBuilder();
  addValue(builder, value, 1);
  const title = isObject(value) && typeof value['title'] === 'string' ? canonicalText(value['title']).trim() : '';
  return { ...builder.build(), ...(title === '' ? {} : { title: title.slice(0, 2_000) }), warnings: [] };
};

/** One JSON value a line: a table where they are like objects, else a paragraph each. */
export const parseJsonLines: FormatParser['parse'] = async (bytes, context) => {
  const values: Json[] = [];
  let broken = 0;
  for (const line of decodeText(bytes, context.encoding ?? 'utf-8')
    .replace(/^\uFEFF/, '')
    .split('\n')) {
    if (line.trim() === '') continue;
    try {
      values.push(JSON.parse(line) as Json);
    } catch {
      broken += 1;
      values.push(line.trim());
    }
  }
  if (values.some((value) => depthOf(value) > maxDepth)) {
    return asText(bytes, context, `It nests deeper than ${maxDepth} levels and was read as plain text.`);
  }
  const builder = createDocumentBuilder();
  addList(builder, values, 1);
  const warnings =
    broken === 0
      ? []
      : [`${broken} ${broken === 1 ? 'line is' : 'lines are'} not valid JSON and ${broken === 1 ? 'was' : 'were'} read as text.`];
  return { ...builder.build(), warnings };
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
function depthOf(value: Json): number {
  let deepest = 0;
  const stack: { readonly value: Json; readonly depth: number }[] = [{ value, depth: 1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (isScalar(next.value)) continue;
    deepest = Math.max(deepest, next.depth);
    if (deepest > maxDepth) return deepest;
    for (const child of Object.values<Json>(next.value)) if (!isScalar(child)) stack.push({ value: child, depth: next.depth + 1 });
  }
  return deepest;
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

function addList(builder: DocumentBuilder, values: readonly Json[], level: number): void {
  const columns = columnsOf(values);
  if (columns !== undefined) {
    const rows = (values as readonly JsonObject[]).map((value) =>
      columns.map((name) => shortText(Object.hasOwn(value, name) ? (value[name] ?? null) : null)),
    );
    builder.addTable([columns, ...rows], 1);
    return;
  }
  let started = false;
  for (const value of values) {
    if (isScalar(value)) builder.add('list-item', `- ${scalarText(value)}`, { close: started });
    else addValue(builder, value, level);
    started = isScalar(value);
  }
}

/** The names of like objects with short values, in the order in which they first occur; `undefined` where it is no table. */
function columnsOf(values: readonly Json[]): string[] | undefined {
  const columns = new Set<string>();
  let cells = 0;
  for (const value of values) {
    if (!isObject(value)) return undefined;
    for (const [name, one] of Object.entries(value)) {
      if (!isShort(one) || shortText(one).length > 500) return undefined;
      columns.add(name);
      cells += 1;
    }
    if (columns.size > maxColumns) return undefined;
  }
  // Mostly empty cells: the objects are not alike.
  return values.length > 1 && columns.size > 1 && cells * 2 >= columns.size * values.length ? [...columns] : undefined;
}
