import type { ParsedPage } from '../../spec/parser.ts';

/** More letters than any printed page holds on average. */
const maxPageLength = 6_000;

/**
 * The pages, or one where the breaks cannot be those of a printed document: marks of the last layout that are incomplete, or breaks that
 * the author set between chapters. A wrong page number misleads; none does not.
 */
export function plausiblePages(pages: readonly ParsedPage[], length: number, isLaidOut: boolean): ParsedPage[] {
  const fits = isLaidOut ? length / pages.length <= maxPageLength : pages.every(({ start, end }) => end - start <= maxPageLength);
  return fits ? [...pages] : [{ number: 1, start: 0, end: length }];
}
