import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import { type DefaultTreeAdapterTypes, parse, parseFragment } from 'parse5';
import type { FormatParser, ParsedBlock } from '../spec/parser.ts';
import { canonicalText } from './canonical-text.ts';
import { decodeText } from './decode-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from './document-builder.ts';
import { addHtmlBlocks, attribute, dataTables, elements, elementsWithDepth, removeMenus, substance } from './html-blocks.ts';

/** Main text is taken where it keeps at least this share of what the page tells; below it, the page is no article. */
const minMainShare = 0.36;

/** An article of this length may stand among so much else: letters, and the share that it then keeps at least. */
const longArticle = { letters: 2_000, minShare: 0.25 };

/** Readability scores every element several times; a page with more is read whole. */
const maxElementsForMainText = 50_000;

/** It also walks up from each of them; no page that people write nests deeper. */
const maxDepthForMainText = 256;

/** A page that tells less is read whole: too little to find its main part in. Letters. */
const minLettersForMainText = 500;

/** The main text where the page is an article, else all its text. */
export const parseHtml: FormatParser['parse'] = (bytes, { encoding = 'utf-8' }) => {
  const source = decodeText(bytes, encoding);
  const document = parse(source);
  const { text, blocks } = mainText(source, document) ?? blocksOf(document);
  return Promise.resolve({ text, pages: [{ number: 1, start: 0, end: text.length }], blocks, ...metadata(document), warnings: [] });
};

/** The library's types name the browser's document; linkedom's is near enough to it. */
type ReadabilityDocument = ConstructorParameters<typeof Readability>[0];

/** What linkedom has of the browser's elements. */
interface TreeElement {
  readonly firstElementChild: TreeElement | null;
  readonly nextElementSibling: TreeElement | null;
  readonly parentElement: TreeElement | null;
}

interface Content {
  readonly text: string;
  readonly blocks: ParsedBlock[];
}

function blocksOf(root: DefaultTreeAdapterTypes.ParentNode): Content {
  const builder = createDocumentBuilder();
  addHtmlBlocks(builder, root);
  return builder.build();
}

/** What readability takes for the article, or `undefined` where it finds none, fails on the page, or drops too much of it. */
function mainText(source: string, document: DefaultTreeAdapterTypes.Document): Content | undefined {
  const all = substance(document);
  if (all.textLength < minLettersForMainText || !isTractable(document)) return undefined;
  let article: ReturnType<Readability<string>['parse']>;
  try {
    const page = parseHTML(source) as unknown as { readonly document: ReadabilityDocument };
    const tree: { readonly document: { readonly documentElement: TreeElement | null } } = page;
    // Its tree may be another one: only parse5 closes what HTML closes.
    if (isTooDeep(tree.document.documentElement)) return undefined;
    article = new Readability(page.document).parse();
  } catch {
    // It throws on pages without a body and on some malformed ones; all text is the documented answer to that.
    return undefined;
  }
  if (typeof article?.content !== 'string') return undefined;
  const fragment = parseFragment(article.content);
  const kept = substance(fragment);
  const minShare = kept.textLength >= longArticle.letters ? longArticle.minShare : minMainShare;
  if (kept.textLength < minShare * all.textLength) return undefined;
  const builder = createDocumentBuilder();
  // Readability takes the title out of the article, and makes other h1 headings h2.
  if (article.title) builder.add('heading', article.title, { level: 1 });
  removeMenus(fragment);
  // In an article the alternative texts of pictures say what their captions say.
  addHtmlBlocks(withoutRepeats(builder), fragment, { images: false });
  // A table may stand beside the article and belong to it; one that is lost is worse than one too many.
  if (kept.tables < all.tables) addMissingTables(builder, document, fragment);
  return builder.build();
}

/** Shorter texts may well stand twice in an article. UTF-16 units. */
const minRepeated = 25;

/** Pages show captions and teasers twice, for screens of different sizes. */
function withoutRepeats(builder: DocumentBuilder): DocumentBuilder {
  const seen = new Set<string>();
  return {
    ...builder,
    add(kind, text, options) {
      const content = text.replace(/\s+/g, ' ').trim();
      if (content.length >= minRepeated && seen.has(content)) return;
      seen.add(content);
      builder.add(kind, text, options);
    },
  };
}

function addMissingTables(
  builder: DocumentBuilder,
  document: DefaultTreeAdapterTypes.Document,
  kept: DefaultTreeAdapterTypes.ParentNode,
): void {
  const there = new Set(dataTables(kept).map((table) => table.rows.join('\n')));
  for (const { rows, headerRows } of dataTables(document)) if (!there.has(rows.join('\n'))) builder.addTable(rows, headerRows);
}

function isTractable(document: DefaultTreeAdapterTypes.Document): boolean {
  let count = 0;
  for (const { depth } of elementsWithDepth(document)) {
    count += 1;
    if (count > maxElementsForMainText || depth > maxDepthForMainText) return false;
  }
  return true;
}

function isTooDeep(root: TreeElement | null): boolean {
  let depth = 0;
  let element = root;
  while (element !== null && depth <= maxDepthForMainText) {
    if (element.firstElementChild !== null) {
      element = element.firstElementChild;
      depth += 1;
      continue;
    }
    while (element !== null && element.nextElementSibling === null) {
      element = element.parentElement;
      depth -= 1;
    }
    element = element?.nextElementSibling ?? null;
  }
  return depth > maxDepthForMainText;
}

function metadata(document: DefaultTreeAdapterTypes.Document): {
  title?: string;
  author?: string;
  language?: string;
  createdAt?: number;
  modifiedAt?: number;
} {
  const result: { title?: string; author?: string; language?: string; createdAt?: number; modifiedAt?: number } = {};
  for (const element of elements(document)) {
    if (element.tagName === 'html') {
      const language = attribute(element, 'lang') ?? attribute(element, 'xml:lang');
      if (language !== undefined && /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/.test(language)) result.language = language;
    }
    if (element.tagName === 'title' && result.title === undefined) {
      const title = element.childNodes
        .map((node) => ('value' in node ? node.value : ''))
        .join('')
        .replace(/\s+/g, ' ')
        .trim();
      if (title !== '') result.title = canonicalText(title);
    }
    if (element.tagName === 'meta') readMeta(element, result);
    if (element.tagName === 'body') break;
  }
  return result;
}

/** Names of `<meta>` by which pages give their dates; those of articles go before the others. */
const createdNames: ReadonlySet<string> = new Set(
  'article:published_time date pubdate dc.date dc.date.issued dc.date.created dcterms.created dcterms.issued citation_publication_date'.split(
    ' ',
  ),
);
const modifiedNames: ReadonlySet<string> = new Set(
  'article:modified_time og:updated_time last-modified dc.date.modified dcterms.modified'.split(' '),
);

function readMeta(element: DefaultTreeAdapterTypes.Element, result: { author?: string; createdAt?: number; modifiedAt?: number }): void {
  const key = (attribute(element, 'name') ?? attribute(element, 'property'))?.toLowerCase();
  const content = attribute(element, 'content')?.trim();
  if (key === undefined || content === undefined || content === '') return;
  if (key === 'author' || (key === 'dc.creator' && result.author === undefined)) result.author = canonicalText(content);
  // Other ways to write a date mean another day in another country.
  const time = /^\d{4}-\d\d-\d\d/.test(content) ? Date.parse(content) : Number.NaN;
  if (!Number.isFinite(time)) return;
  if (createdNames.has(key) && (result.createdAt === undefined || key === 'article:published_time')) result.createdAt = time;
  if (modifiedNames.has(key) && (result.modifiedAt === undefined || key === 'article:modified_time')) result.modifiedAt = time;
}
