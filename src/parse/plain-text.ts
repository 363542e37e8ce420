import type { FormatParser, ParsedBlock } from '../spec/parser.ts';
import { canonicalText } from './canonical-text.ts';
import { decodeText } from './decode-text.ts';

/** The text as it stands; a block is a run of lines between empty lines. */
export const parsePlainText: FormatParser['parse'] = (bytes, { encoding = 'utf-8' }) => {
  const text = canonicalText(decodeText(bytes, encoding));
  return Promise.resolve({ text, pages: [{ number: 1, start: 0, end: text.length }], blocks: paragraphs(text), warnings: [] });
};

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
