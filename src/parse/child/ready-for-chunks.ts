import { segmentSlices } from '../../chunk/segment.ts';
import { documentLanguage } from '../../language/document-language.ts';
import type { ContentPart, ParsedBlock, ParsedDocument, ParsedPortion } from '../../spec/parser.ts';
import { spanNumbers } from '../../spec/parsed-numbers.ts';
import { sourceCodeType } from '../../spec/source-code-type.ts';

/** What can be told of a document without counting tokens, told here: the main process has enough to do. */
export function readyForChunks(document: ParsedDocument): ParsedDocument {
  return { ...withLanguage(document, document.text), spans: spansOf(document, 0, 0) };
}

/** `beginning`: of its text. */
export function withLanguage({ language: said, ...document }: ParsedDocument, beginning: string): ParsedDocument {
  const language = documentLanguage({ language: said, isSourceCode: document.contentType === sourceCodeType }, beginning);
  return language === undefined ? document : { ...document, language };
}

/** Makes portions of the parts of one document. */
export function createPortions(): { next(part: ContentPart): ParsedPortion; readonly textUnits: number } {
  let start = 0;
  let blockCount = 0;
  let last: ParsedBlock | undefined;
  return {
    get textUnits() {
      return start;
    },
    next({ text, blocks }) {
      const firstBlock = blockCount - (last !== undefined && blocks[0]?.start === last.start ? 1 : 0);
      // A block that began before is here from the beginning of this text on.
      const inside = blocks.map((block) => ({ ...block, start: Math.max(block.start - start, 0), end: block.end - start }));
      const portion = { start, text, blocks, firstBlock, spans: spansOf({ text, blocks: inside }, start, firstBlock) };
      start += text.length;
      blockCount = firstBlock + blocks.length;
      last = blocks.at(-1) ?? last;
      return portion;
    },
  };
}

function spansOf({ text, blocks }: Pick<ParsedDocument, 'text' | 'blocks'>, from: number, firstBlock: number): Uint32Array<ArrayBuffer> {
  let numbers = new Uint32Array(spanNumbers * 64);
  let used = 0;
  for (const slice of segmentSlices(text, blocks)) {
    if (used + slice.length * spanNumbers > numbers.length) {
      const larger = new Uint32Array(Math.max(numbers.length * 2, used + slice.length * spanNumbers));
      larger.set(numbers);
      numbers = larger;
    }
    for (const { start, end, block } of slice) {
      numbers[used] = from + start;
      numbers[used + 1] = from + end;
      numbers[used + 2] = block === -1 ? 0 : firstBlock + block + 1;
      used += spanNumbers;
    }
  }
  return numbers.subarray(0, used);
}
