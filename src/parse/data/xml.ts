import type { FormatParser } from '../../spec/parser.ts';
import { decodeText } from '../decode-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import { childElements, descendants, isXmlElement, parseXml, type XmlElement, xmlText } from '../xml-tree.ts';

const headingNames = new Set(['title', 'head', 'heading', 'article-title', 'invention-title', 'subtitle']);
const paragraphNames = new Set(['p', 'para', 'simpara', 'abstract', 'description', 'summary', 'quote', 'note', 'li', 'item', 'listitem']);
const rowNames = new Set(['row', 'tr']);

/** Any XML: texts with marks in them as paragraphs, leaves of data as "name: value" lines, tables as tables. */
export const parseXmlDocument: FormatParser['parse'] = (bytes, { encoding = 'utf-8' }) => {
  const root = parseXml(decodeText(bytes, encoding));
  const builder = createDocumentBuilder();
  addElement(builder, root, 1);
  const { text, blocks, pages } = builder.build();
  const first = blocks.find(({ kind }) => kind === 'heading');
  const title = first === undefined ? undefined : text.slice(first.start, first.end).slice(0, 2_000);
  return Promise.resolve({ text, blocks, pages, ...(title === undefined ? {} : { title }), warnings: [] });
};

function collapsed(element: XmlElement): string {
  return xmlText(element).replace(/\s+/g, ' ').trim();
}

function hasOwnText(element: XmlElement): boolean {
  return element.children.some((child) => !isXmlElement(child) && child.trim() !== '');
}

function addElement(builder: DocumentBuilder, element: XmlElement, level: number): void {
  let leaves: string[] = [];
  function flush(): void {
    builder.add('paragraph', leaves.join('\n'));
    leaves = [];
  }
  for (const child of element.children) {
    if (!isXmlElement(child)) {
      // Only beside elements that hold no text of their own.
      if (child.trim() !== '') leaves.push(child.replace(/\s+/g, ' ').trim());
      continue;
    }
    const name = child.name.toLowerCase();
    const isLeaf = childElements(child).length === 0;
    if (headingNames.has(name) && childElements(element).length > 1) {
      flush();
      builder.add('heading', collapsed(child), { level: Math.min(level, 6) });
    } else if (name === 'table' || name === 'tgroup' || name === 'informaltable') {
      flush();
      addTable(builder, child, level);
    } else if (hasOwnText(child) && (!isLeaf || paragraphNames.has(name))) {
      flush();
      builder.add('paragraph', collapsed(child));
    } else if (isLeaf) leaves.push(...leafLines(child));
    else {
      flush();
      addElement(builder, child, level + 1);
    }
  }
  flush();
}

/** "name: value"; an element without text says what it has in its attributes. */
function leafLines(element: XmlElement): string[] {
  const text = collapsed(element);
  if (text !== '') return [`${element.name}: ${text}`];
  const attributes = Object.entries(element.attributes).filter(([name]) => !/^xmlns|^xsi:|^xml:|^(?:style|class|id)$/.test(name));
  return attributes.length === 0 ? [] : [`${element.name}: ${attributes.map(([name, value]) => `${name} ${value}`).join(', ')}`];
}

function addTable(builder: DocumentBuilder, table: XmlElement, level: number): void {
  const rows = [...descendants(table)].filter(({ name }) => rowNames.has(name.toLowerCase()));
  if (rows.length === 0) {
    addElement(builder, table, level + 1);
    return;
  }
  const heads = [...descendants(table, 'thead')].flatMap((head) => [...descendants(head)].filter((one) => rows.includes(one)));
  builder.addTable(
    rows.map((row) => childElements(row).map(collapsed)),
    heads.length > 0 ? heads.length : rows.length > 1 ? 1 : 0,
  );
}
