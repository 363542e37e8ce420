import { childElement, childElements, xmlAttribute, type XmlElement } from '../xml-tree.ts';

/** What the styles of a Word document say about a paragraph. */
export interface WordStyles {
  /** 1–6 for a heading, 1 for the title. */
  headingLevel(paragraph: XmlElement): number | undefined;
  isTitle(paragraph: XmlElement): boolean;
  /** Numbering of the paragraph, its own or its style's. */
  numbering(paragraph: XmlElement): { readonly id: string; readonly level: number } | undefined;
}

interface Style {
  readonly name: string;
  readonly basedOn: string | undefined;
  readonly properties: XmlElement | undefined;
}

/** Styles are based on each other; a longer chain is a circle. */
const maxChain = 20;

export function readWordStyles(tree: XmlElement | undefined): WordStyles {
  const styles = new Map<string, Style>();
  for (const style of childElements(childElement(tree, 'styles'), 'style')) {
    const id = xmlAttribute(style, 'w:styleId');
    if (id === undefined) continue;
    styles.set(id, {
      name: value(childElement(style, 'name'))?.toLowerCase() ?? '',
      basedOn: value(childElement(style, 'basedOn')),
      properties: childElement(style, 'pPr'),
    });
  }

  function* chain(paragraph: XmlElement): Generator<{ readonly name: string; readonly properties: XmlElement | undefined }> {
    const own = childElement(paragraph, 'pPr');
    yield { name: '', properties: own };
    let id = value(childElement(own, 'pStyle'));
    for (let step = 0; id !== undefined && step < maxChain; step += 1) {
      const style: Style | undefined = styles.get(id);
      // A document without a list of styles still names them.
      yield style ?? { name: id.replace(/(\D)(\d)$/, '$1 $2').toLowerCase(), properties: undefined };
      id = style?.basedOn;
    }
  }

  return {
    headingLevel(paragraph) {
      for (const { name, properties } of chain(paragraph)) {
        const outline = Number(value(childElement(properties, 'outlineLvl')) ?? Number.NaN);
        if (outline >= 0 && outline <= 8) return Math.min(outline + 1, 6);
        if (outline === 9) return undefined;
        const named = /^heading ([1-9])$/.exec(name)?.[1];
        if (named !== undefined) return Math.min(Number(named), 6);
        if (name === 'title') return 1;
      }
      return undefined;
    },
    isTitle(paragraph) {
      return [...chain(paragraph)].some(({ name }) => name === 'title');
    },
    numbering(paragraph) {
      let level: number | undefined;
      for (const { properties } of chain(paragraph)) {
        const numbering = childElement(properties, 'numPr');
        level ??= numberOf(value(childElement(numbering, 'ilvl')));
        const id = value(childElement(numbering, 'numId'));
        if (id !== undefined) return id === '0' ? undefined : { id, level: Math.min(level ?? 0, 8) };
      }
      return undefined;
    },
  };
}

interface Level {
  readonly format: string;
  readonly text: string;
  readonly start: number;
}

/** Counts the numbered paragraphs of a document and gives each its marker. */
export interface WordNumbering {
  /** "2.1." or "-"; `undefined` for a list that does not exist. Counts. */
  next(numbering: { readonly id: string; readonly level: number }): string | undefined;
}

export function readWordNumbering(tree: XmlElement | undefined): WordNumbering {
  const root = childElement(tree, 'numbering');
  const abstracts = new Map<string, readonly Level[]>();
  for (const abstract of childElements(root, 'abstractNum')) {
    const levels = childElements(abstract, 'lvl').map((level) => ({
      format: value(childElement(level, 'numFmt')) ?? 'decimal',
      text: value(childElement(level, 'lvlText')) ?? '',
      start: numberOf(value(childElement(level, 'start'))) ?? 1,
    }));
    abstracts.set(xmlAttribute(abstract, 'w:abstractNumId') ?? '', levels);
  }
  const lists = new Map<string, string>();
  for (const list of childElements(root, 'num')) {
    lists.set(xmlAttribute(list, 'w:numId') ?? '', value(childElement(list, 'abstractNumId')) ?? '');
  }
  // Lists of one definition go on counting after each other.
  const counters = new Map<string, number[]>();

  return {
    next({ id, level }) {
      const abstract = lists.get(id);
      const levels = abstract === undefined ? undefined : abstracts.get(abstract);
      const definition = levels?.[level];
      if (abstract === undefined || levels === undefined || definition === undefined) return undefined;
      const counts = counters.get(abstract) ?? [];
      counters.set(abstract, counts);
      counts[level] = (counts[level] ?? definition.start - 1) + 1;
      counts.length = level + 1;
      if (definition.format === 'bullet') return '-';
      if (definition.format === 'none') return undefined;
      const marker = definition.text.replace(/%([1-9])/g, (_whole, digit: string) => {
        const at = Number(digit) - 1;
        const format = at === level ? definition.format : (levels[at]?.format ?? 'decimal');
        return formatNumber(counts[at] ?? levels[at]?.start ?? 1, format);
      });
      return marker.trim() === '' ? undefined : marker.trim();
    },
  };
}

export function formatNumber(number: number, format: string): string {
  if (format === 'lowerLetter' || format === 'upperLetter') {
    const letter = String.fromCodePoint(97 + ((number - 1) % 26)).repeat(Math.min(Math.ceil(number / 26), 5));
    return format === 'lowerLetter' ? letter : letter.toUpperCase();
  }
  if (format === 'lowerRoman') return roman(number).toLowerCase();
  if (format === 'upperRoman') return roman(number);
  return String(number);
}

const romanDigits: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];

function roman(number: number): string {
  if (number < 1 || number > 3999) return String(number);
  let rest = number;
  let text = '';
  for (const [amount, digits] of romanDigits) {
    text += digits.repeat(Math.floor(rest / amount));
    rest %= amount;
  }
  return text;
}

function value(element: XmlElement | undefined): string | undefined {
  return xmlAttribute(element, 'w:val');
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text ?? Number.NaN);
  return Number.isInteger(number) && number >= 0 ? number : undefined;
}
