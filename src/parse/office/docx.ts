import { MillraceError } from '../../errors.ts';
import type { FormatParser, ParsedBlock } from '../../spec/parser.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import { childElement, childElements, descendants, hasDescendant, isXmlElement, xmlAttribute, type XmlElement } from '../xml-tree.ts';
import { type SpanningCell, tableGrid } from '../table-grid.ts';
import { chartRows } from './chart.ts';
import { commentText } from './comment.ts';
import { linkedPart, type OpenPackage, openPackage, relatedPart, type Relationship } from './open-package.ts';
import { plausiblePages } from './page-breaks.ts';
import { readWordNumbering, readWordStyles, type WordNumbering, type WordStyles } from './word-styles.ts';
import { type WordText, wordText, type WordTextOptions } from './word-text.ts';
import { greatest } from '../../util/greatest.ts';

/** Word documents: headings by style, lists with their numbers, tables, notes and comments after the paragraph they belong to. */
export const parseDocx: FormatParser['parse'] = async (bytes, { name }) => {
  const office = await openPackage(bytes, name);
  const main = office.mainPart ?? 'word/document.xml';
  const body = childElement(await office.part(main), 'document', 'body');
  if (body === undefined) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is a Word document without its text.`);
  const relations = await office.relationships(main);
  const related = (type: string): Promise<XmlElement | undefined> => office.part(relatedPart(relations, type));
  const builder = createDocumentBuilder();
  const charts = await readCharts(office, relations, body);
  const breaks = hasDescendant(body, 'lastRenderedPageBreak') ? 'laid-out' : 'set';
  const reader = createReader(builder, {
    styles: readWordStyles(await related('styles')),
    numbering: readWordNumbering(await related('numbering')),
    notes: {
      footnote: notesById(await related('footnotes'), 'footnotes'),
      endnote: notesById(await related('endnotes'), 'endnotes'),
      comment: notesById(await related('comments'), 'comments'),
    },
    charts,
    breaks,
  });
  if (breaks === 'laid-out' || hasDescendant(body, 'br', (element) => xmlAttribute(element, 'w:type') === 'page')) builder.startPage();
  reader.addBlocks(body);
  const { title: stated, ...properties } = await office.properties();
  const title = stated ?? reader.title();
  const { text, blocks, pages } = builder.build();
  return {
    text,
    blocks,
    pages: plausiblePages(pages, text.length, breaks === 'laid-out'),
    ...properties,
    ...(title === undefined ? {} : { title }),
    warnings: [],
  };
};

interface WordParts {
  readonly styles: WordStyles;
  readonly numbering: WordNumbering;
  readonly notes: Readonly<Record<'footnote' | 'endnote' | 'comment', ReadonlyMap<string, XmlElement>>>;
  /** Relationship id → rows of the chart. */
  readonly charts: ReadonlyMap<string, string[][]>;
  readonly breaks: WordTextOptions['breaks'];
}

function notesById(tree: XmlElement | undefined, root: string): ReadonlyMap<string, XmlElement> {
  const notes = new Map<string, XmlElement>();
  for (const note of childElements(childElement(tree, root))) {
    const id = xmlAttribute(note, 'w:id');
    const type = xmlAttribute(note, 'w:type');
    if (id !== undefined && (type === undefined || type === 'normal')) notes.set(id, note);
  }
  return notes;
}

async function readCharts(office: OpenPackage, relations: ReadonlyMap<string, Relationship>, body: XmlElement) {
  const charts = new Map<string, string[][]>();
  for (const chart of descendants(body, 'chart')) {
    const part = await office.part(linkedPart(relations, chart));
    if (part !== undefined) charts.set(xmlAttribute(chart, 'r:id') ?? '', chartRows(part));
  }
  return charts;
}

function createReader(builder: DocumentBuilder, parts: WordParts) {
  const noteNumbers = new Map<string, number>();
  let title: string | undefined;
  let lastWasItem = false;

  const options: WordTextOptions = {
    breaks: parts.breaks,
    noteMark(kind, id) {
      const key = `${kind} ${id}`;
      const number = noteNumbers.get(key) ?? noteNumbers.size + 1;
      noteNumbers.set(key, number);
      return parts.notes[kind].has(id) ? `[${number}]` : '';
    },
  };

  function add(kind: ParsedBlock['kind'], text: string, more: { level?: number; close?: boolean } = {}): void {
    builder.add(kind, text, more);
    if (text.trim() !== '') lastWasItem = kind === 'list-item';
  }

  /** Paragraphs, tables and what holds them. Page breaks inside a table count after it. */
  function addBlocks(parent: XmlElement): void {
    for (const child of parent.children) {
      if (!isXmlElement(child)) continue;
      if (child.name === 'p') addParagraph(child);
      else if (child.name === 'tbl') addTable(child);
      else if (child.name !== 'del' && child.name !== 'moveFrom' && child.name !== 'sdtPr' && child.name !== 'Fallback') addBlocks(child);
    }
  }

  function addParagraph(paragraph: XmlElement): void {
    const content = wordText(paragraph, options);
    const breaksBefore = content.breaks.filter((at) => content.text.slice(0, at).trim() === '').length;
    for (let count = 0; count < breaksBefore; count += 1) builder.startPage();
    addText(paragraph, content);
    for (const box of content.boxes) addBlocks(box);
    for (const chart of descendants(paragraph, 'chart')) builder.addTable(parts.charts.get(xmlAttribute(chart, 'r:id') ?? '') ?? [], 1);
    addNotes(content);
    for (let count = breaksBefore; count < content.breaks.length; count += 1) builder.startPage();
  }

  function addText(paragraph: XmlElement, { text }: WordText): void {
    if (text.trim() === '') return;
    const level = parts.styles.headingLevel(paragraph);
    const numbering = parts.styles.numbering(paragraph);
    const marker = numbering === undefined ? undefined : parts.numbering.next(numbering);
    if (level !== undefined) {
      const heading = text.replace(/\s+/g, ' ').trim();
      if (parts.styles.isTitle(paragraph)) title ??= heading;
      add('heading', marker === undefined || marker === '-' ? heading : `${marker} ${heading}`, { level });
    } else if (numbering !== undefined && marker !== undefined) {
      add('list-item', `${'  '.repeat(numbering.level)}${marker} ${text.trim()}`, { close: lastWasItem });
    } else add('paragraph', text.trim());
  }

  function addNotes({ notes }: WordText): void {
    for (const { kind, id } of notes) {
      const note = parts.notes[kind].get(id);
      if (note === undefined) continue;
      const text = noteText(note);
      if (text === '') continue;
      if (kind === 'comment') add('quote', commentText(text, xmlAttribute(note, 'w:author'), xmlAttribute(note, 'w:date')));
      else add('paragraph', `${options.noteMark(kind, id)} ${text}`);
    }
  }

  function noteText(note: XmlElement): string {
    const paragraphs = [...descendants(note, 'p')].map((paragraph) => wordText(paragraph, options).text.trim());
    return paragraphs.filter((text) => text !== '').join('\n');
  }

  function addTable(table: XmlElement): void {
    const rows = [...rowsOf(table)];
    const width = greatest(
      rows.map((row) => [...cellsOf(row)].length),
      0,
    );
    if (width <= 1) {
      // A frame around text rather than a table.
      for (const row of rows) for (const cell of cellsOf(row)) addBlocks(cell);
      return;
    }
    const found: WordText[] = [];
    const texts = tableGrid(joinMerged(rows.map((row) => [...cellsOf(row)].map((cell) => wordCell(cell, found)))));
    const marked = rows.findIndex((row) => childElement(row, 'trPr', 'tblHeader') === undefined);
    const headerRows = marked > 0 ? marked : texts.length > 1 ? 1 : 0;
    builder.addTable(texts, headerRows);
    lastWasItem = false;
    for (const content of found) addNotes(content);
    for (const content of found) for (let count = 0; count < content.breaks.length; count += 1) builder.startPage();
  }

  function wordCell(cell: XmlElement, found: WordText[]): WordCell {
    const columns = Number(xmlAttribute(childElement(cell, 'tcPr', 'gridSpan'), 'w:val') ?? 1);
    const merge = childElement(cell, 'tcPr', 'vMerge');
    const goesOn = merge !== undefined && xmlAttribute(merge, 'w:val') !== 'restart';
    const texts: string[] = [];
    for (const paragraph of goesOn ? [] : descendants(cell, 'p')) {
      const content = wordText(paragraph, options);
      found.push(content);
      texts.push(content.text);
    }
    return { text: texts.join('\n'), columns, goesOn };
  }

  return { addBlocks, title: () => title };
}

interface WordCell extends SpanningCell {
  /** It belongs to the cell above. */
  readonly goesOn: boolean;
}

/** Word stores a cell that covers several rows once in each of them; here only the first keeps it, with its height. */
function joinMerged(rows: readonly (readonly WordCell[])[]): SpanningCell[][] {
  const starts: { cell: { text: string; columns: number; rows: number }; column: number }[] = [];
  return rows.map((row) => {
    const cells: SpanningCell[] = [];
    let column = 0;
    for (const { text, columns = 1, goesOn } of row) {
      const start = goesOn ? starts.findLast((one) => one.column === column) : undefined;
      if (start === undefined) {
        const cell = { text, columns, rows: 1 };
        starts.push({ cell, column });
        cells.push(cell);
      } else start.cell.rows += 1;
      column += columns;
    }
    return cells;
  });
}

/** Rows and cells may stand inside controls and marks of changes. */
function* rowsOf(table: XmlElement): Generator<XmlElement> {
  for (const child of childElements(table)) {
    if (child.name === 'tr') yield child;
    else if (child.name !== 'tblPr' && child.name !== 'tblGrid' && child.name !== 'del') yield* rowsOf(child);
  }
}

function* cellsOf(row: XmlElement): Generator<XmlElement> {
  for (const child of childElements(row)) {
    if (child.name === 'tc') yield child;
    else if (child.name !== 'trPr' && child.name !== 'tblPrEx') yield* cellsOf(child);
  }
}
