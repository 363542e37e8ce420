import type { Token } from 'markdown-it';
import type { ContentBeyondParts, ContentPart, FormatParser } from '../spec/parser.ts';
import { decodeText } from './decode-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from './document-builder.ts';
import { addHtmlFragment, htmlFragmentText } from './html-blocks.ts';
import { createMarkdownReader } from './markdown-tokens.ts';
import { cutWindows, textWindows } from './text-windows.ts';

/** Source longer than this is parsed in sections, so that the tokens of a huge file never exist as a whole. UTF-16 units. */
const sectionLength = 512 * 1024;

/** A large file is looked through for its sections in windows that are at least so long. UTF-16 units. */
const windowLength = 2 * sectionLength;

const tooDeep = 'Lists, quotes and notes that are nested deeper than 100 levels were left out.';

/** The readable text: marks of emphasis, links and headings are gone, list markers and table bars stay. */
export const parseMarkdown: FormatParser['parse'] = (bytes, { encoding = 'utf-8' }) => {
  const source = decodeText(bytes, encoding).replace(/\r\n?/g, '\n');
  const { properties, body } = frontMatter(source);
  const builder = createDocumentBuilder();
  const readMarkdown = createMarkdownReader();
  const warnings = new Set<string>();
  if (properties.raw !== undefined) builder.add('paragraph', properties.raw);
  for (const section of sections(body, sectionLength)) {
    const { tokens, isCut } = readMarkdown(section);
    addBlocks(builder, tokens);
    if (isCut) warnings.add(tooDeep);
  }
  const { text, blocks } = builder.build();
  const title = properties.title ?? firstTitle({ text, blocks }, 0);
  return Promise.resolve({
    text,
    pages: [{ number: 1, start: 0, end: text.length }],
    blocks,
    ...(title === undefined ? {} : { title }),
    ...(properties.author === undefined ? {} : { author: properties.author }),
    ...(properties.language === undefined ? {} : { language: properties.language }),
    warnings: [...warnings],
  });
};

/** The same for a large file, section by section. */
export function* parseMarkdownInParts(
  bytes: Uint8Array,
  { encoding = 'utf-8' }: { readonly encoding?: string },
): Generator<ContentPart, ContentBeyondParts> {
  const builder = createDocumentBuilder();
  const readMarkdown = createMarkdownReader();
  const warnings = new Set<string>();
  let properties: FrontMatter | undefined;
  let title: string | undefined;
  for (const section of sectionsOf(cutWindows(textWindows(bytes, encoding)))) {
    const { length } = builder;
    let body = section;
    if (properties === undefined) {
      const front = frontMatter(section);
      ({ properties, body } = front);
      if (properties.raw !== undefined) builder.add('paragraph', properties.raw);
    }
    const { tokens, isCut } = readMarkdown(body);
    addBlocks(builder, tokens);
    if (isCut) warnings.add(tooDeep);
    const part = builder.takePart();
    title ??= properties.title ?? firstTitle(part, length);
    yield part;
  }
  return {
    pages: [{ number: 1, start: 0, end: builder.length }],
    ...(title === undefined ? {} : { title }),
    ...(properties?.author === undefined ? {} : { author: properties.author }),
    ...(properties?.language === undefined ? {} : { language: properties.language }),
    warnings: [...warnings],
  };
}

/** `sections` of a text that comes window by window. */
function* sectionsOf(windows: Iterable<string>): Generator<string> {
  let waiting = '';
  let least = windowLength;
  for (const window of windows) {
    waiting += window.replace(/\r\n?/g, '\n');
    if (waiting.length < least) continue;
    const found = sections(waiting, sectionLength);
    waiting = found.pop() ?? '';
    yield* found;
    // What has no place to cut is not looked through again for every window.
    least = Math.max(windowLength, 2 * waiting.length);
  }
  yield* sections(waiting, sectionLength);
}

/** The first heading of the first level. `base`: where the text begins. */
function firstTitle({ text, blocks }: ContentPart, base: number): string | undefined {
  const heading = blocks.find((block) => block.kind === 'heading' && block.level === 1);
  return heading === undefined ? undefined : text.slice(heading.start - base, heading.end - base);
}

interface FrontMatter {
  /** The lines between the fences: they are part of the document. */
  readonly raw?: string;
  readonly title?: string;
  readonly author?: string;
  readonly language?: string;
}

/** A leading block of `key: value` lines between `---` lines. Only plain scalar values are understood. */
function frontMatter(source: string): { readonly properties: FrontMatter; readonly body: string } {
  const match = /^\uFEFF?---[ \t]*\n([\s\S]{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)/.exec(source);
  const raw = match?.[1];
  if (match === null || raw === undefined || !/^[\w-]+:/m.test(raw)) return { properties: {}, body: source };
  function value(key: string): string | undefined {
    const found = new RegExp(`^${key}:[ \\t]*(.+)$`, 'im').exec(raw ?? '')?.[1]?.trim();
    return found?.replace(/^(["'])(.*)\1$/, '$2');
  }
  const title = value('title');
  const author = value('author');
  const language = value('lang(?:uage)?');
  return {
    properties: {
      raw,
      ...(title === undefined ? {} : { title }),
      ...(author === undefined ? {} : { author }),
      ...(language === undefined ? {} : { language }),
    },
    body: source.slice(match[0].length),
  };
}

/**
 * Cuts before headings, outside fenced code, into sections of at least `minLength`. Link definitions of other sections are lost,
 * which costs nothing: only link texts are read.
 */
export function sections(source: string, minLength: number): string[] {
  if (source.length <= minLength) return [source];
  const result: string[] = [];
  let start = 0;
  let fence: string | undefined;
  let position = 0;
  while (position < source.length) {
    const lineEnd = source.indexOf('\n', position);
    const next = lineEnd === -1 ? source.length : lineEnd + 1;
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(source.slice(position, Math.min(next, position + 200)))?.[1];
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark[0] === fence[0] && mark.length >= fence.length) fence = undefined;
    } else if (fence === undefined && position - start >= minLength && (source[position] === '#' || source[position] === '\n')) {
      result.push(source.slice(start, position));
      start = position;
    }
    position = next;
  }
  result.push(source.slice(start));
  return result;
}

/** Where a block stands. */
interface Place {
  readonly kind: 'paragraph' | 'list-item' | 'quote';
  /** White space before list markers. */
  readonly indent: string;
  /** Of a list: the number of its next item, and whether it has items yet. */
  number?: number | undefined;
  started?: boolean;
}

/** What the first paragraph of an item or a footnote begins with. */
interface Lead {
  readonly text: string;
  readonly kind: 'list-item' | 'paragraph';
  readonly close: boolean;
}

function addBlocks(builder: DocumentBuilder, tokens: readonly Token[]): void {
  const places: Place[] = [{ kind: 'paragraph', indent: '' }];
  let html = '';
  let lead: Lead | undefined;
  let level: number | undefined;
  let table: string[][] | undefined;

  for (const token of tokens) {
    // Raw HTML comes in pieces when it holds empty lines; a table can span several.
    if (token.type === 'html_block') {
      html += token.content;
      lead = undefined;
      continue;
    }
    if (html !== '') addHtmlFragment(builder, html);
    html = '';
    const place = places.at(-1) ?? { kind: 'paragraph', indent: '' };
    // Only a paragraph takes the marker of its item.
    if (token.nesting !== -1 && !token.type.startsWith('paragraph') && token.type !== 'inline') lead = undefined;
    switch (token.type) {
      case 'heading_open':
        level = Number(token.tag.slice(1));
        break;
      case 'heading_close':
        level = undefined;
        break;
      case 'inline': {
        const text = inlineText(token.children ?? []);
        if (table !== undefined) table.at(-1)?.push(text);
        else if (level !== undefined) builder.add('heading', text.replace(/\s+/g, ' '), { level });
        else if (lead !== undefined) builder.add(lead.kind, lead.text + text, { close: lead.close });
        else builder.add(place.kind, place.indent + text);
        lead = undefined;
        break;
      }
      case 'fence':
      case 'code_block':
        builder.add('code', token.content);
        break;
      case 'blockquote_open':
        places.push({ kind: 'quote', indent: '' });
        break;
      case 'bullet_list_open':
      case 'ordered_list_open':
        places.push({
          ...place,
          number: token.type === 'ordered_list_open' ? Number(token.attrGet('start') ?? 1) : undefined,
          started: false,
        });
        break;
      case 'list_item_open': {
        const marker = place.number === undefined ? '- ' : `${place.number}. `;
        lead = { text: place.indent + marker, kind: 'list-item', close: place.started === true || place.indent !== '' };
        if (place.number !== undefined) place.number += 1;
        place.started = true;
        places.push({ kind: 'list-item', indent: `${place.indent}  ` });
        break;
      }
      case 'footnote_open':
        lead = { text: `[${String(token.meta?.['label'])}] `, kind: 'paragraph', close: false };
        places.push({ ...place });
        break;
      case 'blockquote_close':
      case 'bullet_list_close':
      case 'ordered_list_close':
      case 'list_item_close':
      case 'footnote_close':
        places.pop();
        lead = undefined;
        break;
      case 'table_open':
        table = [];
        break;
      case 'tr_open':
        table?.push([]);
        break;
      case 'tr_close': {
        // Short rows are filled up.
        const row = table?.at(-1);
        while (row?.at(-1) === '') row.pop();
        break;
      }
      case 'table_close':
        if (table !== undefined) builder.addTable(table, 1);
        table = undefined;
        break;
      default:
        // Rules, ends of paragraphs, parts of tables: nothing to read.
        break;
    }
  }
  if (html !== '') addHtmlFragment(builder, html);
}

function inlineText(tokens: readonly Token[]): string {
  let text = '';
  for (const token of tokens) {
    switch (token.type) {
      case 'text':
      case 'code_inline':
        text += token.content;
        break;
      case 'softbreak':
        text += ' ';
        break;
      case 'hardbreak':
        text += '\n';
        break;
      case 'image':
        text += inlineText(token.children ?? []);
        break;
      case 'footnote_ref':
        text += `[${token.content}]`;
        break;
      case 'html_inline':
        text += htmlFragmentText(token.content);
        break;
      default:
        // Emphasis and links are only their texts.
        break;
    }
  }
  return text;
}
