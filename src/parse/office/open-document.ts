import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import {
  childElement,
  childElements,
  descendants,
  hasDescendant,
  isXmlElement,
  parseXmlBytes,
  type XmlElement,
  xmlText,
} from '../xml-tree.ts';
import { openZip } from '../zip.ts';
import { type SpanningCell, tableGrid } from '../table-grid.ts';
import { commentText } from './comment.ts';
import { propertiesOf } from './open-package.ts';

/** Texts and presentations of OpenDocument; slides are pages, and so is what lies between the page breaks of a text. */
export const parseOpenDocument: FormatParser['parse'] = async (bytes, { name }) => {
  const archive = await openZip(bytes, name);
  const tree = parseXmlBytes(await archive.read('content.xml'));
  const root = childElement(tree, 'document-content');
  const body = childElement(root, 'body');
  if (body === undefined) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is an OpenDocument file without its content.`);
  if (/encryption-data/.test((await archive.readIfThere('META-INF/manifest.xml'))?.toString('utf8') ?? '')) {
    throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is protected by a password.`);
  }
  const builder = createDocumentBuilder();
  const reader = createReader(builder);
  if (hasDescendant(body, 'soft-page-break')) builder.startPage();
  for (const content of childElements(body)) reader.addBlocks(content);
  const meta = await archive.readIfThere('meta.xml');
  const properties = meta === undefined ? {} : propertiesOf(parseXmlBytes(meta));
  const title = properties.title ?? reader.title();
  return { ...builder.build(), ...properties, ...(title === undefined ? {} : { title }), warnings: [] };
};

const unread = new Set([
  'forms',
  'sequence-decls',
  'tracked-changes',
  'variable-decls',
  'settings',
  'index-title-template',
  'table-source',
]);

function createReader(builder: DocumentBuilder) {
  let noteNumber = 0;
  let title: string | undefined;

  function addBlocks(parent: XmlElement, listDepth = 0): void {
    for (const child of parent.children) if (isXmlElement(child) && !unread.has(child.name)) addBlock(child, listDepth);
  }

  function addBlock(element: XmlElement, listDepth: number): void {
    switch (element.name) {
      case 'h': {
        const level = Math.min(Math.max(Number(element.attributes['text:outline-level'] ?? 1) || 1, 1), 6);
        addParagraph(element, (text) => builder.add('heading', text.replace(/\s+/g, ' ').trim(), { level }));
        return;
      }
      case 'p': {
        const isTitle = /^title$/i.test(element.attributes['text:style-name'] ?? '');
        addParagraph(element, (text) => {
          if (isTitle) title ??= text.replace(/\s+/g, ' ').trim();
          builder.add(isTitle ? 'heading' : 'paragraph', text, isTitle ? { level: 1 } : {});
        });
        return;
      }
      case 'list':
        addList(element, listDepth);
        return;
      case 'table':
        addTable(element);
        return;
      case 'page':
        builder.startPage();
        addPage(element);
        return;
      case 'soft-page-break':
        builder.startPage();
        return;
      default:
        addBlocks(element, listDepth);
    }
  }

  /** A paragraph, then its notes, comments and frames, then the pages that begin inside it. */
  function addParagraph(element: XmlElement, add: (text: string) => void): void {
    const after: (() => void)[] = [];
    const text = inlineText(element, after);
    if (text.trim() !== '') add(text);
    for (const step of after) step();
  }

  function inlineText(element: XmlElement, after: (() => void)[]): string {
    let text = '';
    for (const child of element.children) {
      if (!isXmlElement(child)) {
        text += child.replace(/\s+/g, ' ');
        continue;
      }
      switch (child.name) {
        case 's':
          text += ' '.repeat(Math.min(Math.max(Number(child.attributes['text:c'] ?? 1) || 1, 1), 100));
          break;
        case 'tab':
          text += '\t';
          break;
        case 'line-break':
          text += '\n';
          break;
        case 'soft-page-break':
          after.push(() => builder.startPage());
          break;
        case 'note': {
          noteNumber += 1;
          const mark = `[${noteNumber}]`;
          const note = [...descendants(childElement(child, 'note-body') ?? child, 'p')]
            .map((paragraph) => inlineText(paragraph, []))
            .join('\n');
          text += mark;
          after.push(() => builder.add('paragraph', `${mark} ${note.trim()}`));
          break;
        }
        case 'annotation': {
          const author = xmlText(childElement(child, 'creator')).trim();
          const comment = [...descendants(child, 'p')].map((paragraph) => inlineText(paragraph, [])).join('\n');
          after.push(() => builder.add('quote', commentText(comment, author, xmlText(childElement(child, 'date')))));
          break;
        }
        case 'frame':
        case 'custom-shape':
        case 'text-box':
          after.push(() => addBlocks(child));
          break;
        case 'annotation-end':
        case 'ruby-text':
          break;
        default:
          text += inlineText(child, after);
      }
    }
    return text;
  }

  function addList(list: XmlElement, depth: number): void {
    let started = depth > 0;
    for (const item of childElements(list)) {
      if (item.name !== 'list-item' && item.name !== 'list-header') continue;
      for (const child of childElements(item)) {
        if (child.name === 'p') {
          addParagraph(child, (text) => builder.add('list-item', `${'  '.repeat(Math.min(depth, 8))}- ${text.trim()}`, { close: started }));
          started = true;
        } else if (child.name === 'list') addList(child, depth + 1);
        else addBlock(child, depth);
      }
    }
  }

  function addTable(table: XmlElement): void {
    const rows: SpanningCell[][] = [];
    const after: (() => void)[] = [];
    let headerRows = 0;
    function addRows(parent: XmlElement, isHeader: boolean): void {
      for (const child of childElements(parent)) {
        if (child.name === 'table-row') {
          if (isHeader && headerRows === rows.length) headerRows += 1;
          rows.push(childElements(child).flatMap((cell) => tableCell(cell, after)));
        } else if (child.name === 'table-header-rows') addRows(child, true);
        else if (child.name === 'table-rows' || child.name === 'table-row-group') addRows(child, isHeader);
      }
    }
    addRows(table, false);
    builder.addTable(tableGrid(rows), headerRows > 0 ? headerRows : rows.length > 1 ? 1 : 0);
    for (const step of after) step();
  }

  /** A covered cell is stored too; it belongs to the one that covers it. */
  function tableCell(cell: XmlElement, after: (() => void)[]): SpanningCell[] {
    if (cell.name !== 'table-cell') return [];
    const text = [...descendants(cell, 'p'), ...descendants(cell, 'h')].map((paragraph) => inlineText(paragraph, after)).join('\n');
    // A cell that repeats is one for each column; an empty one at the end of a row repeats to the end of the sheet.
    const repeated = Math.min(Math.max(Number(cell.attributes['table:number-columns-repeated'] ?? 1) || 1, 1), text === '' ? 1 : 100);
    const columns = Number(cell.attributes['table:number-columns-spanned'] ?? 1);
    const rows = Number(cell.attributes['table:number-rows-spanned'] ?? 1);
    return Array.from({ length: repeated }, () => ({ text, columns, rows }));
  }

  /** The title of a slide first. */
  function addPage(page: XmlElement): void {
    const isTitle = (frame: XmlElement): boolean => frame.attributes['presentation:class'] === 'title';
    const frames = childElements(page);
    for (const frame of frames.filter(isTitle)) {
      const text = [...descendants(frame, 'p')].map((paragraph) => inlineText(paragraph, [])).join(' ');
      builder.add('heading', text.replace(/\s+/g, ' ').trim(), { level: 1 });
    }
    for (const frame of frames) {
      if (isTitle(frame)) continue;
      if (frame.name !== 'notes') {
        addBlock(frame, 0);
        continue;
      }
      const notes = [...descendants(frame, 'text-box')]
        .flatMap((box) => [...descendants(box, 'p')])
        .map((paragraph) => inlineText(paragraph, []));
      const text = notes.filter((line) => line.trim() !== '').join('\n');
      if (text !== '') builder.add('quote', `Notes: ${text}`);
    }
  }

  return { addBlocks, title: () => title };
}
