import { Parser } from 'htmlparser2';
import { MillraceError } from '../errors.ts';
import { decodeText, detectEncoding } from './decode-text.ts';

export interface XmlElement {
  /** Without its namespace prefix. */
  readonly name: string;
  /** Full names, prefixes included; no prototype. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (XmlElement | string)[];
}

/** Elements nest no deeper than this in the tree, so that walks may recurse; deeper ones become children of the deepest. */
const maxDepth = 200;

/** No document that people use comes near; the parser's own time grows with the square of the depth. */
const maxNesting = 2_000;

/**
 * A tree of an XML document. No document type is read: there are no entities besides the five of XML and numbers, and nothing outside
 * is ever fetched. What is not well-formed is taken as far as it goes.
 * @throws MillraceError E_DOCUMENT_DAMAGED for nesting beyond any use
 */
export function parseXml(source: string): XmlElement {
  const root: XmlElement = { name: '', attributes: {}, children: [] };
  const stack: XmlElement[] = [root];
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        const element = {
          name: localName(name),
          attributes: Object.assign(Object.create(null), attributes) as Record<string, string>,
          children: [],
        };
        stack.at(-1)?.children.push(element);
        depth += 1;
        if (depth > maxNesting) throw new MillraceError('E_DOCUMENT_DAMAGED', `Its XML nests deeper than ${maxNesting} levels.`);
        if (depth < maxDepth) stack.push(element);
      },
      onclosetag() {
        if (depth < maxDepth && stack.length > 1) stack.pop();
        depth -= 1;
      },
      ontext(text) {
        const children = stack.at(-1)?.children;
        const last = children?.at(-1);
        if (children === undefined) return;
        if (typeof last === 'string') children[children.length - 1] = last + text;
        else children.push(text);
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(withoutDoctype(source));
  parser.end();
  return root;
}

/** The parser takes the first ">" for the end of a document type, also inside its declarations. */
function withoutDoctype(source: string): string {
  const start = source.slice(0, 2_000).search(/<!DOCTYPE\b/i);
  if (start === -1) return source;
  const open = source.indexOf('[', start);
  const end = source.indexOf('>', start);
  if (open === -1 || (end !== -1 && end < open)) return source;
  const close = /\]\s*>/g;
  close.lastIndex = open;
  const found = close.exec(source);
  return found === null ? source : source.slice(0, start) + source.slice(found.index + found[0].length);
}

/** The same of bytes in any encoding. */
export function parseXmlBytes(bytes: Uint8Array): XmlElement {
  const declared = /^<\?xml[^>]+encoding=["']([\w.:-]+)/i.exec(Buffer.from(bytes.subarray(0, 200)).toString('latin1'))?.[1];
  return parseXml(decodeText(bytes, detectEncoding(bytes, declared) ?? 'utf-8'));
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

export function isXmlElement(node: XmlElement | string): node is XmlElement {
  return typeof node !== 'string';
}

/** Child elements, all or of one name. */
export function childElements(element: XmlElement | undefined, name?: string): XmlElement[] {
  const found: XmlElement[] = [];
  for (const child of element?.children ?? []) if (isXmlElement(child) && (name === undefined || child.name === name)) found.push(child);
  return found;
}

export function childElement(element: XmlElement | undefined, ...path: readonly string[]): XmlElement | undefined {
  let current = element;
  for (const name of path) current = current?.children.find((child): child is XmlElement => isXmlElement(child) && child.name === name);
  return current;
}

/** The value under the full name, else of any attribute with the same local name and some prefix (documents choose their prefixes). */
export function xmlAttribute(element: XmlElement | undefined, name: string): string | undefined {
  if (element === undefined) return undefined;
  const value = element.attributes[name];
  if (value !== undefined || !name.includes(':')) return value;
  const suffix = name.slice(name.indexOf(':'));
  return Object.entries(element.attributes).find(([key]) => key.endsWith(suffix))?.[1] ?? element.attributes[suffix.slice(1)];
}

/** Every element below, in document order. */
export function* descendants(element: XmlElement, name?: string): Generator<XmlElement> {
  for (const child of element.children) {
    if (!isXmlElement(child)) continue;
    if (name === undefined || child.name === name) yield child;
    yield* descendants(child, name);
  }
}

export function hasDescendant(element: XmlElement, name: string, test: (found: XmlElement) => boolean = () => true): boolean {
  for (const found of descendants(element, name)) if (test(found)) return true;
  return false;
}

/** All text below, as it stands. */
export function xmlText(element: XmlElement | undefined): string {
  let text = '';
  for (const child of element?.children ?? []) text += isXmlElement(child) ? xmlText(child) : child;
  return text;
}
