import { childElement, isXmlElement, xmlAttribute, type XmlElement, xmlText } from '../xml-tree.ts';

/** The text of a paragraph with what hangs on it. */
export interface WordText {
  readonly text: string;
  /** The places of page breaks in `text`, in order. */
  readonly breaks: readonly number[];
  /** Contents of text boxes, in order. */
  readonly boxes: readonly XmlElement[];
  readonly notes: readonly { readonly kind: 'footnote' | 'endnote' | 'comment'; readonly id: string }[];
}

export interface WordTextOptions {
  /** Which marks are page breaks: those of the last layout, or those that the author set. */
  readonly breaks: 'laid-out' | 'set';
  /** The mark of a note in the text, for example "[3]". */
  noteMark(kind: 'footnote' | 'endnote', id: string): string;
}

/** Not part of the text: what was deleted, codes of fields, fallbacks for older programs, properties. */
const unread = new Set(['del', 'moveFrom', 'instrText', 'delInstrText', 'Fallback', 'pPr', 'rPr', 'sdtPr', 'sdtEndPr', 'rt', 'annotation']);

const automaticDescription = /automatically generated|^(?:image|picture|graphic)?\s*\d*$/i;

export function wordText(paragraph: XmlElement, options: WordTextOptions): WordText {
  let text = '';
  const breaks: number[] = [];
  const boxes: XmlElement[] = [];
  const notes: { kind: 'footnote' | 'endnote' | 'comment'; id: string }[] = [];

  function note(element: XmlElement, kind: 'footnote' | 'endnote' | 'comment'): void {
    const id = xmlAttribute(element, 'w:id');
    if (id === undefined) return;
    notes.push({ kind, id });
    if (kind !== 'comment') text += options.noteMark(kind, id);
  }

  function walk(element: XmlElement): void {
    for (const child of element.children) {
      if (!isXmlElement(child) || unread.has(child.name)) continue;
      switch (child.name) {
        case 't':
          text += xmlText(child);
          break;
        case 'tab':
        case 'ptab':
          text += '\t';
          break;
        case 'br':
          if (xmlAttribute(child, 'w:type') !== 'page') text += '\n';
          else if (options.breaks === 'set') breaks.push(text.length);
          break;
        case 'lastRenderedPageBreak':
          if (options.breaks === 'laid-out') breaks.push(text.length);
          break;
        case 'cr':
          text += '\n';
          break;
        case 'noBreakHyphen':
          text += '-';
          break;
        case 'sym':
          text += symbol(child);
          break;
        case 'footnoteReference':
          note(child, 'footnote');
          break;
        case 'endnoteReference':
          note(child, 'endnote');
          break;
        case 'commentReference':
          note(child, 'comment');
          break;
        case 'docPr': {
          const description = xmlAttribute(child, 'descr')?.trim() ?? '';
          if (!automaticDescription.test(description)) text += ` ${description} `;
          break;
        }
        case 'txbxContent':
          boxes.push(child);
          break;
        case 'oMath':
          text += ` ${mathText(child)} `;
          break;
        default:
          walk(child);
      }
    }
  }
  walk(paragraph);
  return { text, breaks, boxes, notes };
}

/** Private codes of symbol fonts have no meaning outside them. */
function symbol(element: XmlElement): string {
  const code = Number.parseInt(xmlAttribute(element, 'w:char') ?? '', 16);
  return code >= 0x20 && code < 0xd800 ? String.fromCodePoint(code) : '';
}

/** A formula in one line: fractions with "/", powers with "^", indices with "_". */
export function mathText(element: XmlElement): string {
  const part = (name: string): string => {
    const found = childElement(element, name);
    return found === undefined ? '' : mathText(found);
  };
  switch (element.name) {
    case 't':
      return xmlText(element);
    case 'f':
      return `${grouped(part('num'))}/${grouped(part('den'))}`;
    case 'sSup':
      return `${part('e')}^${grouped(part('sup'))}`;
    case 'sSub':
      return `${part('e')}_${grouped(part('sub'))}`;
    case 'sSubSup':
      return `${part('e')}_${grouped(part('sub'))}^${grouped(part('sup'))}`;
    case 'rad':
      return `√${part('deg') === '' ? '' : `[${part('deg')}]`}(${part('e')})`;
    case 'd':
      return `(${element.children
        .filter(isXmlElement)
        .filter(({ name }) => name === 'e')
        .map(mathText)
        .join(', ')})`;
    case 'nary': {
      const sign = xmlAttribute(childElement(element, 'naryPr', 'chr'), 'm:val') ?? '∫';
      return `${sign}_${grouped(part('sub'))}^${grouped(part('sup'))} ${part('e')}`;
    }
    case 'rPr':
    case 'ctrlPr':
      return '';
    default:
      return element.children.filter(isXmlElement).map(mathText).join('');
  }
}

function grouped(text: string): string {
  return /^[\p{L}\p{N}]*$/u.test(text) ? text : `(${text})`;
}
