import { type PageKind, type Place, placeOf } from '../spec/page-kind.ts';
import { sourceName, visibleOnLine } from './terminal.ts';

/** The source and where in it: "report.pdf, page iv". The source alone where it has no pages. */
export function describePlace({ source, ...place }: Place & { readonly source: string }): string {
  const where = visiblePlace(place);
  return `${sourceName(source)}${where === '' ? '' : `, ${where}`}`;
}

/** On one line; empty where there are no pages. */
export function visiblePlace(place: Place): string {
  return visibleOnLine(placeOf(place));
}

/** How long a document is: "12 slides, 3 chunks"; without pages where it has none. */
export function describeLength(length: { readonly pageKind: PageKind | null; readonly pages: number; readonly chunks: number }): string {
  const { pageKind, pages, chunks } = length;
  return `${pageKind === null ? '' : `${counted(pages, pageKind)}, `}${counted(chunks, 'chunk')}`;
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
