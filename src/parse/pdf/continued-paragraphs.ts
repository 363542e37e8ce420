import type { ParsedBlock, ParsedPage } from '../../spec/parser.ts';

/** Makes one block of a paragraph that goes on over the end of a page: it has no full stop there and goes on in lower case. */
export function joinContinued(text: string, pages: readonly Pick<ParsedPage, 'start'>[], blocks: readonly ParsedBlock[]): ParsedBlock[] {
  const pageStarts = new Set(pages.map(({ start }) => start));
  const joined: ParsedBlock[] = [];
  for (const block of blocks) {
    const previous = joined.at(-1);
    const goesOn =
      previous !== undefined &&
      pageStarts.has(block.start) &&
      block.kind === 'paragraph' &&
      (previous.kind === 'paragraph' || previous.kind === 'list-item') &&
      !/[.!?:]["”’)]?$/.test(text.slice(previous.end - 2, previous.end)) &&
      /^\p{Ll}/u.test(text.slice(block.start, block.start + 2));
    if (goesOn) joined[joined.length - 1] = { ...previous, end: block.end };
    else joined.push(block);
  }
  return joined;
}
