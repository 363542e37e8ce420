import MarkdownIt, { type StateBlock, type StateInline, type Token } from 'markdown-it';

/** Quotes, lists and footnotes nested deeper are left out, emphasis stays as it is written: what recurses is bounded, and its time. */
const maxNesting = 100;

/** Labels of footnotes are words; longer ones are not looked for. UTF-16 units. */
const maxLabelLength = 200;

const label = `\\[\\^([^\\]\\s]{1,${maxLabelLength}})\\]`;

/**
 * Tokens of CommonMark, tables and struck-out text, whose time grows with the length of the source whatever it holds. Footnotes stay where
 * they are written: `footnote_open` with its `meta.label` … `footnote_close`, and `footnote_ref`. Addresses are neither checked nor changed.
 */
export function createMarkdownReader(): (source: string) => { readonly tokens: Token[]; readonly isCut: boolean } {
  const markdown = new MarkdownIt({ html: true, maxNesting });
  markdown.validateLink = () => true;
  markdown.normalizeLink = (url) => url;
  markdown.block.ruler.before('reference', 'footnote', readFootnote, { alt: ['paragraph', 'reference'] });
  markdown.inline.ruler.before('link', 'footnote_ref', readFootnoteReference);
  return (source) => {
    const tokens = markdown.parse(source, {});
    return { tokens, isCut: tokens.some(({ level }) => level >= maxNesting - 1) };
  };
}

/** A note begins at its label; its further blocks are indented. */
function readFootnote(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  const lineStart = state.bMarks[startLine]! + state.tShift[startLine]!;
  const lineEnd = state.eMarks[startLine]!;
  const indent = state.sCount[startLine]!;
  if (indent - state.blkIndent >= 4 || !state.src.startsWith('[^', lineStart)) return false;
  const head = state.src.slice(lineStart, Math.min(lineEnd, lineStart + maxLabelLength + 100));
  const match = new RegExp(`^${label}:[ \\t]*`).exec(head);
  if (match === null) return false;
  if (silent) return true;

  const open = state.push('footnote_open', '', 1);
  open.meta = { label: match[1] };
  const before = {
    mark: state.bMarks[startLine]!,
    shift: state.tShift[startLine]!,
    parent: state.parentType,
    blockIndent: state.blkIndent,
  };
  // To the blocks inside, the rest of the line is a line at their indentation.
  state.bMarks[startLine] = lineStart + match[0].length;
  state.tShift[startLine] = 0;
  state.blkIndent += 4;
  state.sCount[startLine] = state.blkIndent;
  state.parentType = 'footnote';
  state.md.block.tokenize(state, startLine, endLine);
  state.parentType = before.parent;
  state.blkIndent = before.blockIndent;
  state.bMarks[startLine] = before.mark;
  state.tShift[startLine] = before.shift;
  state.sCount[startLine] = indent;
  state.push('footnote_close', '', -1);
  return true;
}

function readFootnoteReference(state: StateInline, silent: boolean): boolean {
  if (!state.src.startsWith('[^', state.pos)) return false;
  const match = new RegExp(`^${label}`).exec(state.src.slice(state.pos, Math.min(state.posMax, state.pos + maxLabelLength + 3)));
  if (match === null) return false;
  if (!silent) state.push('footnote_ref', '', 0).content = match[1]!;
  state.pos += match[0].length;
  return true;
}
