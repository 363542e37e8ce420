import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import { childElement, childElements, descendants, isXmlElement, type XmlElement, xmlText } from '../xml-tree.ts';
import { tableGrid } from '../table-grid.ts';
import { chartRows } from './chart.ts';
import { commentText } from './comment.ts';
import { linkedPart, type OpenPackage, openPackage, type Relationship } from './open-package.ts';
import { mathText } from './word-text.ts';

/** Presentations: each slide a page, with its title as heading, tables, charts, notes and comments. */
export const parsePptx: FormatParser['parse'] = async (bytes, { name }) => {
  const office = await openPackage(bytes, name);
  const main = office.mainPart ?? 'ppt/presentation.xml';
  const presentation = childElement(await office.part(main), 'presentation');
  if (presentation === undefined) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is a presentation without its list of slides.`);
  const relations = await office.relationships(main);
  const builder = createDocumentBuilder();
  const authors = await commentAuthors(office, relations);
  const missing: number[] = [];
  let number = 0;
  for (const entry of childElements(childElement(presentation, 'sldIdLst'), 'sldId')) {
    number += 1;
    builder.startPage();
    const path = linkedPart(relations, entry);
    const slide = await office.part(path);
    if (path === undefined || slide === undefined) missing.push(number);
    else await addSlide(builder, office, path, slide, authors);
  }
  if (number > 0 && missing.length === number)
    throw new MillraceError('E_DOCUMENT_DAMAGED', `None of the ${number} slides of ${name} can be read.`);
  const warnings =
    missing.length === 0 ? [] : [`${missing.length} of ${number} slides cannot be read: ${missing.slice(0, 10).join(', ')}.`];
  return { ...builder.build(), ...(await office.properties()), warnings };
};

async function commentAuthors(office: OpenPackage, relations: ReadonlyMap<string, Relationship>): Promise<ReadonlyMap<string, string>> {
  const authors = new Map<string, string>();
  for (const { type, part } of relations.values()) {
    if (type !== 'commentAuthors' && type !== 'authors') continue;
    for (const one of childElements(childElements(await office.part(part))[0])) {
      const { id, name } = one.attributes;
      if (id !== undefined && name !== undefined) authors.set(id, name);
    }
  }
  return authors;
}

async function addSlide(
  builder: DocumentBuilder,
  office: OpenPackage,
  path: string,
  slide: XmlElement,
  authors: ReadonlyMap<string, string>,
): Promise<void> {
  const relations = await office.relationships(path);
  const tree = childElement(slide, 'sld', 'cSld', 'spTree');
  if (tree !== undefined) await addShapes(builder, office, relations, tree);
  for (const { type, part } of relations.values()) {
    if (type === 'notesSlide') addNotes(builder, await office.part(part));
    else if (type === 'comments') addComments(builder, await office.part(part), authors);
  }
}

async function addShapes(
  builder: DocumentBuilder,
  office: OpenPackage,
  relations: ReadonlyMap<string, Relationship>,
  parent: XmlElement,
): Promise<void> {
  for (const shape of inReadingOrder(parent)) {
    if (shape.name === 'grpSp') await addShapes(builder, office, relations, shape);
    else if (shape.name === 'AlternateContent') await addShapes(builder, office, relations, childElement(shape, 'Choice') ?? shape);
    else if (shape.name === 'graphicFrame') await addFrame(builder, office, relations, shape);
    else if (shape.name === 'pic') addDescription(builder, shape);
    else addText(builder, childElement(shape, 'txBody'), placeholderType(shape));
  }
}

/** The title first, then in the order in which the slide was made: positions of placeholders stand in other parts. */
function inReadingOrder(parent: XmlElement): XmlElement[] {
  const shapes = childElements(parent);
  const isTitle = (shape: XmlElement): boolean => headingLevel(placeholderType(shape)) === 1;
  return [...shapes.filter(isTitle), ...shapes.filter((shape) => !isTitle(shape))];
}

/** "title", "body", "sldNum", …; undefined for a shape that is no placeholder. */
function placeholderType(shape: XmlElement): string | undefined {
  const placeholder = childElement(
    childElements(shape).find(({ name }) => name.startsWith('nv')),
    'nvPr',
    'ph',
  );
  return placeholder === undefined ? undefined : (placeholder.attributes['type'] ?? 'body');
}

function headingLevel(type: string | undefined): number | undefined {
  if (type === 'title' || type === 'ctrTitle') return 1;
  return type === 'subTitle' ? 2 : undefined;
}

/** Repeated on every slide. */
const furniture = new Set(['sldNum', 'dt', 'ftr', 'hdr']);

function addText(builder: DocumentBuilder, body: XmlElement | undefined, type: string | undefined): void {
  if (body === undefined || (type !== undefined && furniture.has(type))) return;
  const level = headingLevel(type);
  const paragraphs = childElements(body, 'p').map((paragraph) => ({ paragraph, text: paragraphText(paragraph) }));
  const filled = paragraphs.filter(({ text }) => text.trim() !== '');
  if (level !== undefined) {
    builder.add('heading', filled.map(({ text }) => text.replace(/\s+/g, ' ').trim()).join(' '), { level });
    return;
  }
  let started = false;
  const counts: number[] = [];
  for (const { paragraph, text } of filled) {
    const properties = childElement(paragraph, 'pPr');
    const depth = Math.min(Math.max(Number(properties?.attributes['lvl'] ?? 0) || 0, 0), 8);
    // Body placeholders have bullets unless they say otherwise; other shapes have none unless they say so.
    const stated = childElements(properties).find(({ name }) => name.startsWith('bu') && /^bu(?:None|Char|AutoNum|Blip)$/.test(name))?.name;
    const isItem = stated === undefined ? type === 'body' && (filled.length > 1 || depth > 0) : stated !== 'buNone';
    counts.length = depth + 1;
    counts[depth] = stated === 'buAutoNum' ? (counts[depth] ?? 0) + 1 : 0;
    const marker = stated === 'buAutoNum' ? `${counts[depth]}.` : '-';
    if (isItem) builder.add('list-item', `${'  '.repeat(depth)}${marker} ${text.trim()}`, { close: started });
    else builder.add('paragraph', text.trim());
    started = isItem;
  }
}

function paragraphText(paragraph: XmlElement): string {
  let text = '';
  for (const child of paragraph.children) {
    if (!isXmlElement(child)) continue;
    if (child.name === 'r' || child.name === 'fld') text += xmlText(childElement(child, 't'));
    else if (child.name === 'br') text += '\n';
    else if (child.name !== 'pPr' && child.name !== 'endParaRPr') text += mathText(child);
  }
  return text;
}

async function addFrame(
  builder: DocumentBuilder,
  office: OpenPackage,
  relations: ReadonlyMap<string, Relationship>,
  frame: XmlElement,
): Promise<void> {
  const data = childElement(frame, 'graphic', 'graphicData');
  const table = childElement(data, 'tbl');
  if (table !== undefined) return addTable(builder, table);
  const chart = await office.part(linkedPart(relations, childElement(data, 'chart')));
  if (chart !== undefined) builder.addTable(chartRows(chart), 1);
  const diagram = await office.part(linkedPart(relations, childElement(data, 'relIds'), 'r:dm'));
  if (diagram !== undefined) {
    // The text of a point of a diagram is an element "t" that holds paragraphs, whose runs hold elements "t" again.
    const points = [...descendants(diagram, 't')].filter((text) => childElements(text, 'p').length > 0);
    for (const text of points) builder.add('paragraph', [...descendants(text, 'p')].map(paragraphText).join('\n'), { close: true });
  }
}

function addTable(builder: DocumentBuilder, table: XmlElement): void {
  const rows = childElements(table, 'tr').map((row) =>
    childElements(row, 'tc')
      // What another cell covers is stored too.
      .filter(({ attributes }) => !isTrue(attributes['hMerge']) && !isTrue(attributes['vMerge']))
      .map((cell) => ({
        text: [...descendants(cell, 'p')].map(paragraphText).join('\n'),
        columns: Number(cell.attributes['gridSpan'] ?? 1),
        rows: Number(cell.attributes['rowSpan'] ?? 1),
      })),
  );
  const stated = childElement(table, 'tblPr')?.attributes['firstRow'];
  builder.addTable(tableGrid(rows), rows.length > 1 && stated !== '0' ? 1 : 0);
}

function isTrue(value: string | undefined): boolean {
  return value === '1' || value === 'true';
}

function addDescription(builder: DocumentBuilder, picture: XmlElement): void {
  const description = childElement(picture, 'nvPicPr', 'cNvPr')?.attributes['descr']?.trim() ?? '';
  if (!/automatically generated|^[^ ]*$/i.test(description)) builder.add('paragraph', description);
}

function addNotes(builder: DocumentBuilder, part: XmlElement | undefined): void {
  const tree = childElement(part, 'notes', 'cSld', 'spTree');
  if (tree === undefined) return;
  const texts: string[] = [];
  for (const shape of descendants(tree, 'sp')) {
    const type = placeholderType(shape);
    if (type !== undefined && (furniture.has(type) || type === 'sldImg')) continue;
    texts.push(...childElements(childElement(shape, 'txBody'), 'p').map(paragraphText));
  }
  const text = texts.filter((line) => line.trim() !== '').join('\n');
  if (text !== '') builder.add('quote', `Notes: ${text}`);
}

/** Both kinds of comments: the older ones keep plain text, the newer ones paragraphs. */
function addComments(builder: DocumentBuilder, part: XmlElement | undefined, authors: ReadonlyMap<string, string>): void {
  if (part === undefined) return;
  for (const comment of descendants(part, 'cm')) {
    const plain = xmlText(childElement(comment, 'text'));
    const text = plain === '' ? [...descendants(comment, 'p')].map(paragraphText).join('\n') : plain;
    const { authorId, dt, created } = comment.attributes;
    if (text.trim() !== '') builder.add('quote', commentText(text, authors.get(authorId ?? ''), dt ?? created));
  }
}
