import { segmentSlices } from '../../chunk/segment.ts';
import { createLanguageDetector } from '../../language/detect-language.ts';
import type { ParsedDocument } from '../../spec/parser.ts';
import { spanNumbers } from '../../spec/parsed-numbers.ts';

const { detect } = createLanguageDetector();

/** What can be told of a document without counting tokens, told here: the main process has enough to do. */
export function readyForChunks(document: ParsedDocument): ParsedDocument {
  const language = document.language ?? detect(document.text);
  return { ...document, spans: spansOf(document), ...(language === undefined ? {} : { language }) };
}

function spansOf({ text, blocks }: ParsedDocument): Uint32Array<ArrayBuffer> {
  let numbers = new Uint32Array(spanNumbers * 64);
  let used = 0;
  for (const slice of segmentSlices(text, blocks)) {
    if (used + slice.length * spanNumbers > numbers.length) {
      const larger = new Uint32Array(Math.max(numbers.length * 2, used + slice.length * spanNumbers));
      larger.set(numbers);
      numbers = larger;
    }
    for (const { start, end, block } of slice) {
      numbers[used] = start;
      numbers[used + 1] = end;
      numbers[used + 2] = block + 1;
      used += spanNumbers;
    }
  }
  return numbers.subarray(0, used);
}
