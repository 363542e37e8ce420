import type { ContentBeyondParts, ContentPart, FormatParser, ParsedBlock } from '../spec/parser.ts';
import { canonicalText } from './canonical-text.ts';
import { partUnits } from './content-parts.ts';
import { decodeText } from './decode-text.ts';
import { cutWindows, textWindows } from './text-windows.ts';

/** The text as it stands; a block is a run of lines between empty lines. */
export const parsePlainText: FormatParser['parse'] = (bytes, { encoding = 'utf-8' }) => {
  const text = canonicalText(decodeText(bytes, encoding));
  return Promise.resolve({ text, pages: [{ number: 1, start: 0, end: text.length }], blocks: paragraphs(text), warnings: [] });
};

/** The same in parts, which end with a paragraph where one is not longer than a part. */
export function* parsePlainTextInParts(
  bytes: Uint8Array,
  { encoding = 'utf-8' }: { readonly encoding?: string },
): Generator<ContentPart, ContentBeyondParts> {
  const next = createParagraphParts();
  let waiting = '';
  let length = 0;
  for (const window of cutWindows(textWindows(bytes, encoding))) {
    const text = canonicalText(window);
    waiting += text;
    length += text.length;
    if (waiting.length < partUnits / 2) continue;
    const gap = waiting.lastIndexOf('\n\n');
    const cut = gap === -1 ? waiting.length : gap + 2;
    yield next(waiting.slice(0, cut));
    waiting = waiting.slice(cut);
  }
  yield next(waiting);
  return { pages: [{ number: 1, start: 0, end: length }], warnings: [] };
}

/** White space at the end of a part that tells, with that at the beginning of the next, whether a line between them is empty. */
const keptWhite = 4_096;

/** Finds the paragraphs of a text that comes in parts: one may go on through several. */
function createParagraphParts(): (text: string) => ContentPart {
  let base = 0;
  let last: ParsedBlock | undefined;
  let whiteBefore = '';
  return (text) => {
    const blocks = paragraphs(text).map((block) => ({ ...block, start: base + block.start, end: base + block.end }));
    const [first] = blocks;
    const white = whiteBefore + (first === undefined ? text : text.slice(0, first.start - base));
    if (first !== undefined && last !== undefined && !/\n[^\S\n]*\n/.test(white)) blocks[0] = { ...first, start: last.start };
    last = blocks.at(-1) ?? last;
    whiteBefore = first === undefined ? white.slice(-keptWhite) : whiteAtEnd(text);
    base += text.length;
    return { text, blocks };
  };
}

function whiteAtEnd(text: string): string {
  let start = text.length;
  while (start > 0 && text.length - start < keptWhite && /\s/.test(text.charAt(start - 1))) start -= 1;
  return text.slice(start);
}

/** Ranges between empty lines, without the white space around them. */
export function paragraphs(text: string): ParsedBlock[] {
  const blocks: ParsedBlock[] = [];
  const emptyLine = /\n[^\S\n]*(?:\n|$)/g;
  let position = 0;
  while (position < text.length) {
    emptyLine.lastIndex = position;
    const gap = emptyLine.exec(text);
    const limit = gap === null ? text.length : gap.index;
    const line = text.slice(position, limit);
    const content = line.trim();
    if (content !== '') {
      const start = position + line.length - line.trimStart().length;
      blocks.push({ kind: 'paragraph', start, end: start + content.length });
    }
    position = gap === null ? text.length : gap.index + 1;
  }
  return blocks;
}
