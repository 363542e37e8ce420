import { type DefaultTreeAdapterTypes, parseFragment } from 'parse5';
import type { ParsedBlock } from '../spec/parser.ts';
import type { DocumentBuilder } from './document-builder.ts';
import { type SpanningCell, tableGrid } from './table-grid.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;
type ParentNode = DefaultTreeAdapterTypes.ParentNode;

const unread = new Set([
  'script',
  'style',
  'noscript',
  'template',
  'svg',
  'math-annotation',
  'head',
  'iframe',
  'object',
  'canvas',
  'datalist',
]);
const inlineElements = new Set(
  (
    'a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark math nobr q rp rt ruby s samp small span strike ' +
    'strong sub sup time tt u var wbr mi mo mn mrow msup msub mfrac mtext semantics annotation input'
  ).split(' '),
);
const headings: Readonly<Record<string, number>> = { h1: 1, h2: 2, h3: 3, h4: 4, h5: 5, h6: 6 };

export function isElement(node: Node): node is Element {
  return 'tagName' in node;
}

export function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((attr) => attr.name === name)?.value;
}

/** Every element below `root`, in document order, without recursion. */
export function* elements(root: ParentNode): Generator<Element> {
  for (const { element } of elementsWithDepth(root)) yield element;
}

/** The same with the number of ancestors below `root`. */
export function* elementsWithDepth(root: ParentNode): Generator<{ readonly element: Element; readonly depth: number }> {
  const stack = root.childNodes.toReversed().map((node) => ({ node, depth: 0 }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, depth } = next;
    if (!isElement(node)) continue;
    yield { element: node, depth };
    for (const child of node.childNodes.toReversed()) stack.push({ node: child, depth: depth + 1 });
  }
}

/** All text below a node that a reader sees, white space collapsed; one space where an element breaks the line. */
export function visibleText(root: ParentNode): string {
  let text = '';
  const stack: Node[] = root.childNodes.toReversed();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if ('value' in node) text += node.value;
    if (!isElement(node) || unread.has(node.tagName)) continue;
    if (!inlineElements.has(node.tagName)) text += ' ';
    for (const child of node.childNodes.toReversed()) stack.push(child);
  }
  return text.replace(/\s+/g, ' ').trim();
}

const boilerplate = new Set(['nav', 'footer', 'aside', 'form', 'button', 'select', 'a']);
const boilerplateRoles = new Set(['navigation', 'banner', 'contentinfo', 'complementary', 'search', 'dialog']);

/** How much a page tells, for comparing a part with the whole: letters outside links, controls, navigation and footers; data tables. */
export function substance(root: ParentNode): { readonly textLength: number; readonly tables: number } {
  let textLength = 0;
  let tables = 0;
  const stack: Node[] = root.childNodes.toReversed();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if ('value' in node) textLength += node.value.trim().length;
    if (!isElement(node) || unread.has(node.tagName) || boilerplate.has(node.tagName)) continue;
    if (boilerplateRoles.has(attribute(node, 'role') ?? '')) continue;
    if (node.tagName === 'table' && isTelling(dataTable(node))) tables += 1;
    for (const child of node.childNodes.toReversed()) stack.push(child);
  }
  return { textLength, tables };
}

/** Lists of at least so many short links are menus. */
const menu = { items: 3, lettersPerItem: 30, linkShare: 0.8 };

/** Takes lists out that only lead elsewhere: sections of a site, buttons to share. */
export function removeMenus(root: ParentNode): void {
  // All are found before any is taken out.
  const lists = Array.from(elements(root)).filter(({ tagName }) => tagName === 'ul' || tagName === 'ol');
  for (const list of lists) {
    const items = list.childNodes.filter(isElement).filter(({ tagName }) => tagName === 'li').length;
    const letters = visibleText(list).length;
    if (items < menu.items || letters > items * menu.lettersPerItem || linkLetters(list) < menu.linkShare * letters) continue;
    const siblings = list.parentNode?.childNodes;
    siblings?.splice(siblings.indexOf(list), 1);
  }
}

function linkLetters(root: ParentNode): number {
  let letters = 0;
  for (const element of elements(root)) if (element.tagName === 'a') letters += visibleText(element).length;
  return letters;
}

interface TableRows {
  readonly rows: string[][];
  readonly headerRows: number;
}

function isTelling(table: TableRows | undefined): table is TableRows {
  return (table?.rows.length ?? 0) > 1;
}

/** The data tables of a page outside navigation, footers and the like, as `substance` counts them. */
export function dataTables(root: ParentNode): TableRows[] {
  const found: TableRows[] = [];
  const stack: Node[] = root.childNodes.toReversed();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (!isElement(node) || unread.has(node.tagName) || boilerplate.has(node.tagName)) continue;
    if (boilerplateRoles.has(attribute(node, 'role') ?? '')) continue;
    const table = node.tagName === 'table' ? dataTable(node) : undefined;
    if (isTelling(table)) found.push(table);
    for (const child of node.childNodes.toReversed()) stack.push(child);
  }
  return found;
}

/** Rows of cells of a data table, or `undefined` for a table that only arranges a page (it holds tables or headings, or one column). */
function dataTable(table: Element): TableRows | undefined {
  const rowElements: Element[] = [];
  for (const element of elements(table)) {
    // Before any text is read: tables in tables would have theirs read once for each around them.
    if (element.tagName === 'table' || element.tagName in headings) return undefined;
    if (element.tagName === 'tr') rowElements.push(element);
  }
  const rows: SpanningCell[][] = [];
  let headerRows = 0;
  for (const element of rowElements) {
    const cells = element.childNodes.filter(isElement).filter((cell) => cell.tagName === 'td' || cell.tagName === 'th');
    const inHead = element.parentNode !== null && 'tagName' in element.parentNode && element.parentNode.tagName === 'thead';
    const allHeaders = cells.length > 0 && cells.every((cell) => cell.tagName === 'th');
    if ((inHead || allHeaders) && headerRows === rows.length) headerRows += 1;
    rows.push(
      cells.map((cell) => ({
        text: visibleText(cell),
        columns: Number(attribute(cell, 'colspan') ?? 1),
        rows: Number(attribute(cell, 'rowspan') ?? 1),
      })),
    );
  }
  return rows.some((row) => row.length > 1) ? { rows: tableGrid(rows), headerRows } : undefined;
}

interface List {
  readonly ordered: boolean;
  number: number;
  started: boolean;
}

/**
 * Walks a tree and appends its readable blocks. Iterative: documents nest without limit. `images`: their alternative texts are read;
 * default true.
 */
export function addHtmlBlocks(builder: DocumentBuilder, root: ParentNode, options: { readonly images?: boolean } = {}): void {
  const lists: List[] = [];
  let quoteDepth = 0;
  let inline = '';
  let marker = '';
  let close = false;

  function flush(kind: ParsedBlock['kind'] | undefined, level?: number): void {
    const text = inline.replace(/[^\S\n]+/g, ' ').replace(/ ?\n ?/g, '\n');
    inline = '';
    if (text.trim() === '') return;
    const chosen = kind ?? (lists.length > 0 ? 'list-item' : quoteDepth > 0 ? 'quote' : 'paragraph');
    const content = chosen === 'heading' ? text.replace(/\s+/g, ' ').trim() : text.trim();
    builder.add(chosen, marker + content, { close: close && marker !== '', ...(level === undefined ? {} : { level }) });
    marker = '';
  }

  type Step = { readonly node: Node; readonly leave: boolean };
  const stack: Step[] = root.childNodes.toReversed().map((node) => ({ node, leave: false }));
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    const { node, leave } = step;
    if ('value' in node) inline += node.value.replace(/\s+/g, ' ');
    if (!isElement(node) || unread.has(node.tagName)) continue;
    const tag = node.tagName;
    const level = headings[tag];
    if (leave) {
      if (level !== undefined) flush('heading', level);
      else flush(undefined);
      if (tag === 'ul' || tag === 'ol') lists.pop();
      if (tag === 'li') marker = '';
      if (tag === 'blockquote') quoteDepth -= 1;
      continue;
    }
    if (tag === 'br') {
      inline += '\n';
      continue;
    }
    if (tag === 'img' && options.images !== false) inline += ` ${attribute(node, 'alt') ?? ''} `;
    if (!inlineElements.has(tag)) {
      flush(undefined);
      if (tag === 'pre') {
        builder.add('code', preformattedText(node));
        continue;
      }
      if (tag === 'table') {
        const table = dataTable(node);
        if (table !== undefined) {
          builder.addTable(table.rows, table.headerRows);
          continue;
        }
      }
      if (tag === 'ul' || tag === 'ol')
        lists.push({ ordered: tag === 'ol', number: Number(attribute(node, 'start') ?? 1) || 1, started: false });
      if (tag === 'blockquote') quoteDepth += 1;
      const list = lists.at(-1);
      if (tag === 'li' && list !== undefined) {
        marker = '  '.repeat(Math.min(lists.length - 1, 20)) + (list.ordered ? `${list.number}. ` : '- ');
        close = list.started || lists.length > 1;
        list.number += 1;
        list.started = true;
      }
      stack.push({ node, leave: true });
    }
    for (const child of node.childNodes.toReversed()) stack.push({ node: child, leave: false });
  }
  flush(undefined);
}

function preformattedText(element: Element): string {
  let text = '';
  const stack: Node[] = element.childNodes.toReversed();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if ('value' in node) text += node.value;
    if (!isElement(node)) continue;
    if (node.tagName === 'br') text += '\n';
    for (const child of node.childNodes.toReversed()) stack.push(child);
  }
  return text;
}

/** Raw HTML inside Markdown. */
export function addHtmlFragment(builder: DocumentBuilder, html: string): void {
  addHtmlBlocks(builder, parseFragment(html));
}

/** Text of inline HTML: a line break tag is a line end, other tags are nothing. */
export function htmlFragmentText(html: string): string {
  return /^<br\b/i.test(html) ? '\n' : '';
}
