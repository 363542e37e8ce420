import type { PageWords } from '../pdf/page-words.ts';

export interface ReadWord {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A word read with less confidence is noise: specks, lines, pictures. 0–100. */
const minWordConfidence = 25;

/** The words of tesseract's table of results: level, page, block, paragraph, line, word, left, top, width, height, confidence, text. */
export function wordsOfTable(table: string): { readonly words: ReadWord[]; readonly width: number; readonly height: number } {
  const words: ReadWord[] = [];
  let page = { width: 0, height: 0 };
  for (const line of table.split('\n')) {
    const fields = line.split('\t');
    const [level = 0, , , , , , left = 0, top = 0, width = 0, height = 0, confidence = 0] = fields.slice(0, 11).map(Number);
    const text = fields.slice(11).join(' ').trim();
    if (level === 1) page = { width, height };
    if (level === 5 && text !== '' && confidence >= minWordConfidence) {
      words.push({ text, left, top, right: left + width, bottom: top + height });
    }
  }
  return { words, ...page };
}

/**
 * Read words as those of a page with a text layer, so that lines, columns and tables are found in the same way. `pointsPerPixel`: the page
 * is measured in points. All have one size: heights of read words say little about their fonts.
 */
export function toPageWords(
  read: { readonly words: readonly ReadWord[]; readonly width: number; readonly height: number },
  pointsPerPixel: number,
): PageWords {
  const heights = read.words.map(({ top, bottom }) => bottom - top).toSorted((a, b) => a - b);
  const size = (heights[heights.length >> 1] ?? 0) * pointsPerPixel;
  const boxes = read.words.flatMap(({ left, top, right, bottom }) => [left, top, right, bottom].map((length) => length * pointsPerPixel));
  return {
    width: read.width * pointsPerPixel,
    height: read.height * pointsPerPixel,
    texts: read.words.map(({ text }) => text),
    boxes: Float32Array.from(boxes),
    sizes: Float32Array.from(read.words, () => size),
    flags: new Uint8Array(read.words.length),
  };
}
