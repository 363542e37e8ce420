import type { ParsedBlock, ParsedContent, ParsedPage } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { joinContinued } from './continued-paragraphs.ts';
import { documentStyle, pageBlocks } from './page-blocks.ts';
import { createPageText } from './page-text.ts';
import type { PageWords } from './page-words.ts';
import { type Line, readingOrder } from './reading-order.ts';
import { runningLines } from './running-lines.ts';

/** A document of pages of words: lines in reading order, without running headers and footers, as blocks, with a box for each word. */
export function composeDocument(
  words: readonly PageWords[],
  labelOf: (index: number) => string | undefined,
): Pick<ParsedContent, 'text' | 'pages' | 'blocks'> {
  const pageText = createPageText(words);
  const placed = words.map((page) => ({
    height: page.height,
    lines: readingOrder(page).map((line) => ({ line, text: pageText.lineText(page, line) })),
  }));
  const running = runningLines(placed);
  const body = placed.map((page) => page.lines.filter(({ line }) => !running.has(line)));
  const style = documentStyle(
    body.map((pageLines) => pageLines.map(({ line }) => line)),
    body.map((pageLines, page) => pageLines.map(({ line }) => letters(words[page] ?? emptyPage, line))),
  );
  const parts: string[] = [];
  const pages: ParsedPage[] = [];
  const blocks: ParsedBlock[] = [];
  let length = 0;
  for (const [index, page] of words.entries()) {
    if (length > 0) {
      parts.push('\n\n');
      length += 2;
    }
    const written = pageText.write(page, pageBlocks(body[index] ?? [], style), length);
    const label = labelOf(index);
    parts.push(written.text);
    blocks.push(...written.blocks);
    pages.push({
      number: index + 1,
      ...(label === undefined ? {} : { label: canonicalText(label) }),
      start: length,
      end: length + written.text.length,
      width: page.width,
      height: page.height,
      boxes: written.boxes,
    });
    length += written.text.length;
  }
  const text = parts.join('');
  return { text, pages, blocks: joinContinued(text, pages, blocks) };
}

/** A page without words. */
export const emptyPage: PageWords = {
  width: 0,
  height: 0,
  texts: [],
  boxes: new Float32Array(0),
  sizes: new Float32Array(0),
  flags: new Uint8Array(0),
};

function letters(page: PageWords, line: Line): number {
  return line.words.reduce((sum, word) => sum + (page.texts[word]?.length ?? 0), 0);
}
