import type { BlockContent, DefinitionContent, List, ListItem, PhrasingContent, RootContent, Table, TableRow } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import type { FormatParser } from '../spec/parser.ts';
import { decodeText } from './decode-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from './document-builder.ts';
import { addHtmlFragment, htmlFragmentText } from './html-blocks.ts';

/** Source longer than this is parsed in sections, so that the syntax tree of a huge file never exists as a whole. UTF-16 units. */
const sectionLength = 512 * 1024;

/** The readable text: marks of emphasis, links and headings are gone, list markers and table bars stay. */
export const parseMarkdown: FormatParser['parse'] = (bytes, { encoding = 'utf-8' }) => {
  const source = decodeText(bytes, encoding).replace(/\r\n?/g, '\n');
  const { properties, body } = frontMatter(source);
  const builder = createDocumentBuilder();
  if (properties.raw !== undefined) builder.add('paragraph', properties.raw);
  for (const section of sections(body, sectionLength)) {
    const tree = fromMarkdown(section, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
    addBlocks(builder, tree.children, { kind: 'paragraph', indent: '' });
  }
  const { text, blocks } = builder.build();
  const firstHeading = blocks.find((block) => block.kind === 'heading' && block.level === 1);
  const title = properties.title ?? (firstHeading === undefined ? undefined : text.slice(firstHeading.start, firstHeading.end));
  return Promise.resolve({
    text,
    pages: [{ number: 1, start: 0, end: text.length }],
    blocks,
    ...(title === undefined ? {} : { title }),
    ...(properties.author === undefined ? {} : { author: properties.author }),
    ...(properties.language === undefined ? {} : { language: properties.language }),
    warnings: [],
  });
};

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

interface Surrounding {
  readonly kind: 'paragraph' | 'list-item' | 'quote';
  /** White space before list markers. */
  readonly indent: string;
}

type Flow = RootContent | BlockContent | DefinitionContent;

function addBlocks(builder: DocumentBuilder, nodes: readonly Flow[], surrounding: Surrounding): void {
  let html = '';
  for (const node of nodes) {
    // Raw HTML comes in pieces when it holds empty lines; a table can span several.
    if (node.type === 'html') {
      html += `${node.value}\n`;
      continue;
    }
    if (html !== '') addHtmlFragment(builder, html);
    html = '';
    addBlock(builder, node, surrounding);
  }
  if (html !== '') addHtmlFragment(builder, html);
}

function addBlock(builder: DocumentBuilder, node: Flow, surrounding: Surrounding): void {
  switch (node.type) {
    case 'heading':
      builder.add('heading', inlineText(node.children).replace(/\s+/g, ' '), { level: node.depth });
      return;
    case 'paragraph':
      builder.add(surrounding.kind, surrounding.indent + inlineText(node.children));
      return;
    case 'code':
      builder.add('code', node.value);
      return;
    case 'blockquote':
      addBlocks(builder, node.children, { kind: 'quote', indent: '' });
      return;
    case 'list':
      addList(builder, node, surrounding.indent);
      return;
    case 'table':
      builder.addTable(tableRows(node), 1);
      return;
    case 'footnoteDefinition': {
      const [first, ...rest] = node.children;
      const label = `[${node.label ?? node.identifier}] `;
      if (first?.type === 'paragraph') builder.add('paragraph', label + inlineText(first.children));
      addBlocks(builder, first?.type === 'paragraph' ? rest : node.children, surrounding);
      return;
    }
    default:
      // Rules, link definitions: nothing to read.
      return;
  }
}

function addList(builder: DocumentBuilder, list: List, indent: string): void {
  let number = list.start ?? 1;
  let first = true;
  for (const item of list.children) {
    const marker = list.ordered === true ? `${number}. ` : '- ';
    addListItem(builder, item, indent, marker, !first || indent !== '');
    number += 1;
    first = false;
  }
}

function addListItem(builder: DocumentBuilder, item: ListItem, indent: string, marker: string, close: boolean): void {
  const [head, ...rest] = item.children;
  const box = item.checked === true ? '[x] ' : item.checked === false ? '[ ] ' : '';
  if (head?.type === 'paragraph') builder.add('list-item', indent + marker + box + inlineText(head.children), { close });
  const below = head?.type === 'paragraph' ? rest : item.children;
  addBlocks(builder, below, { kind: 'list-item', indent: `${indent}  ` });
}

function tableRows(table: Table): string[][] {
  return table.children.map((row: TableRow) => row.children.map((cell) => inlineText(cell.children)));
}

function inlineText(nodes: readonly PhrasingContent[]): string {
  let text = '';
  for (const node of nodes) {
    switch (node.type) {
      case 'text':
        text += node.value.replace(/\s*\n\s*/g, ' ');
        break;
      case 'inlineCode':
        text += node.value;
        break;
      case 'break':
        text += '\n';
        break;
      case 'image':
      case 'imageReference':
        text += node.alt ?? '';
        break;
      case 'footnoteReference':
        text += `[${node.label ?? node.identifier}]`;
        break;
      case 'html':
        text += htmlFragmentText(node.value);
        break;
      default:
        text += inlineText(node.children);
    }
  }
  return text;
}
