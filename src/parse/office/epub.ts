import { posix } from 'node:path';
import { parse } from 'parse5';
import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { decodeText, detectEncoding } from '../decode-text.ts';
import { createDocumentBuilder } from '../document-builder.ts';
import { addHtmlBlocks } from '../html-blocks.ts';
import { childElement, childElements, descendants, parseXmlBytes, type XmlElement, xmlText } from '../xml-tree.ts';
import { openZip, type ZipArchive } from '../zip.ts';
import { propertiesOf } from './open-package.ts';

/** Electronic books: each part of the reading order is a page, labelled with its entry in the table of contents. */
export const parseEpub: FormatParser['parse'] = async (bytes, { name }) => {
  const archive = await openZip(bytes, name);
  if (archive.has('META-INF/encryption.xml') && archive.has('META-INF/rights.xml')) {
    throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is protected against copying.`);
  }
  const container = parseXmlBytes(await archive.read('META-INF/container.xml'));
  const rootFile = [...descendants(container, 'rootfile')]
    .map((element) => element.attributes['full-path'])
    .find((path) => path !== undefined);
  if (rootFile === undefined) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is a book without its list of parts.`);
  const packageFile = childElement(parseXmlBytes(await archive.read(rootFile)), 'package');
  const inBook = (href: string): string => posix.join(posix.dirname(rootFile), decodeHref(href));

  const items = new Map<string, { readonly path: string; readonly type: string; readonly properties: string }>();
  for (const item of childElements(childElement(packageFile, 'manifest'), 'item')) {
    const { id, href, 'media-type': type = '', properties = '' } = item.attributes;
    if (id !== undefined && href !== undefined) items.set(id, { path: inBook(href), type, properties });
  }
  const spine = childElement(packageFile, 'spine');
  const labels = await contents(archive, [...items.values()], items.get(spine?.attributes['toc'] ?? '')?.path);
  const builder = createDocumentBuilder();
  let missing = 0;
  for (const reference of childElements(spine, 'itemref')) {
    const item = items.get(reference.attributes['idref'] ?? '');
    if (item === undefined || item.properties.split(' ').includes('nav') || !/html|xml/.test(item.type)) continue;
    const content = await archive.readIfThere(item.path);
    if (content === undefined) {
      missing += 1;
      continue;
    }
    builder.startPage(labels.get(item.path));
    addHtmlBlocks(builder, parse(withoutSelfClosing(decodeText(content, detectEncoding(content) ?? 'utf-8'))));
  }
  const warnings = missing === 0 ? [] : [`${missing} ${missing === 1 ? 'part' : 'parts'} of the book cannot be found in it.`];
  return { ...builder.build(), ...propertiesOf(childElement(packageFile, 'metadata')), warnings };
};

/** In XHTML an element may close itself; to a reader of HTML everything after it would be its content. */
function withoutSelfClosing(source: string): string {
  return source.replace(/<(title|script|style|textarea|iframe)\b([^<>]*)\/>/gi, '<$1$2></$1>');
}

function decodeHref(href: string): string {
  const path = href.replace(/[#?].*$/s, '');
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Part → its first entry in the table of contents: the document of EPUB 3, or the older NCX file. */
async function contents(
  archive: ZipArchive,
  items: readonly { readonly path: string; readonly type: string; readonly properties: string }[],
  ncxPath: string | undefined,
): Promise<ReadonlyMap<string, string>> {
  const labels = new Map<string, string>();
  function add(base: string, href: string | undefined, label: string): void {
    if (href === undefined || label.trim() === '') return;
    const path = posix.join(posix.dirname(base), decodeHref(href));
    if (!labels.has(path)) labels.set(path, label);
  }
  const path = items.find(({ properties }) => properties.split(' ').includes('nav'))?.path ?? ncxPath;
  const content = path === undefined ? undefined : await archive.readIfThere(path);
  if (path === undefined || content === undefined) return labels;
  const tree: XmlElement = parseXmlBytes(content);
  for (const link of descendants(tree, 'a')) add(path, link.attributes['href'], xmlText(link));
  for (const point of descendants(tree, 'navPoint')) {
    add(path, childElement(point, 'content')?.attributes['src'], xmlText(childElement(point, 'navLabel')));
  }
  return labels;
}
