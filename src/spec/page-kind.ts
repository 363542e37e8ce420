import { z } from 'zod';

/** What one page of a document is in the words of its format. */
export const pageKind = z.enum(['page', 'slide', 'sheet', 'chapter']);
export type PageKind = z.infer<typeof pageKind>;

/** What the record holds of the pages of a document. */
export interface PagesOnRecord {
  /** Name of the format that read it. */
  readonly parser: string;
  readonly contentType: string;
  /** How many there are. */
  readonly pages: number;
  /** Of the page in question, where that is known. */
  readonly label?: string | null;
}

/** Formats whose pages stand in the file, however few there are. */
const kindOfFormat: ReadonlyMap<string, PageKind> = new Map([
  ['pdf', 'page'],
  ['pptx', 'slide'],
  ['workbook', 'sheet'],
  ['epub', 'chapter'],
]);
const presentationTypes: ReadonlySet<string> = new Set([
  'application/vnd.ms-powerpoint',
  'application/vnd.oasis.opendocument.presentation',
]);

/**
 * What the pages of a document are. Null where it has none: a format without pages, also one of the program, gives one page without a label.
 * Decided from what is on record of every document, by whichever version it was read.
 */
export function pageKindOf({ parser, contentType, pages, label = null }: PagesOnRecord): PageKind | null {
  const kind = kindOfFormat.get(parser);
  if (kind !== undefined) return kind;
  if (pages <= 1 && label === null) return null;
  return presentationTypes.has(contentType) ? 'slide' : 'page';
}

/** As hits and citations say where they stand. */
export interface Place {
  readonly pageKind: PageKind | null;
  /** 1, 2, … */
  readonly page: number;
  readonly pageLabel: string | null;
}

/**
 * A place in words: "page iv", "slide 3", "sheet Fares", "chapter The Mill". Empty where the document has no pages, and for a part of a book
 * that its table of contents does not name: its number is not that of a chapter. A label that begins with the word stands alone: "Sheet1".
 */
export function placeOf({ pageKind: kind, page, pageLabel }: Place): string {
  const label = pageLabel?.trim() ?? '';
  if (kind === null || (kind === 'chapter' && label === '')) return '';
  if (label === '') return `${kind} ${page}`;
  return label.toLowerCase().startsWith(kind) ? label : `${kind} ${label}`;
}
