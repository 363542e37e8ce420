import { type Pdfium, withMemory } from './pdfium.ts';

/**
 * The words of a page in content order, as parallel arrays. Lengths are points, measured from the top left corner of the page as
 * it is shown. A word that is hyphenated at a line end comes as two.
 */
export interface PageWords {
  readonly width: number;
  readonly height: number;
  readonly texts: readonly string[];
  /** Four numbers a word: left, top, right, bottom. */
  readonly boxes: Float32Array;
  /** Font size in points as it appears. */
  readonly sizes: Float32Array;
  /** `wordFlags`, one byte a word. */
  readonly flags: Uint8Array;
}

export const wordFlags = { hyphenated: 1, bold: 2, rotated: 4 } as const;

const boldWeight = 600;

/** Many fonts state no weight but carry it in their name, TeX's bold fonts as "BX". */
const boldName = /bold|black|heavy|demi|medi\b|BX\d/i;

const fontNameBytes = 64;
const scratchBytes = 32 + fontNameBytes;

/** Rotation beyond which text is not part of the page's lines, in radians (about 10 degrees). */
const maxAngle = 0.175;

/** pdfium's marks for a hyphen at a line end: its own code, a non-character, and the soft hyphen. */
function isLineEndHyphen(unicode: number): boolean {
  return unicode === 0x02 || unicode === 0xfffe || unicode === 0xad;
}

function isSpace(unicode: number): boolean {
  return unicode <= 0x20 || unicode === 0xa0 || (unicode >= 0x2000 && unicode <= 0x200b) || unicode === 0x3000 || unicode === 0x2028;
}

type Direction = 'left-to-right' | 'right-to-left' | 'none';

/** Of letters; of Latin, Greek and Cyrillic ones, and of Hebrew and Arabic ones. */
function directionOf(unicode: number): Direction {
  if (unicode < 0x41) return 'none';
  if (unicode >= 0x590)
    return unicode <= 0x8ff && (unicode < 0x660 || unicode > 0x669) && (unicode < 0x6f0 || unicode > 0x6f9) ? 'right-to-left' : 'none';
  return unicode <= 0x5a || (unicode >= 0x61 && unicode <= 0x7a) || (unicode >= 0xc0 && unicode <= 0x52f) ? 'left-to-right' : 'none';
}

/** Reads page `index` (from 0). Throws when pdfium cannot load it. */
export function readPageWords(pdfium: Pdfium, document: number, index: number): PageWords {
  const page = loadPage(pdfium, document, index);
  if (page === 0) throw new Error(`Page ${index + 1} cannot be loaded.`);
  try {
    const textPage = pdfium.FPDFText_LoadPage(page);
    if (textPage === 0) throw new Error(`The text of page ${index + 1} cannot be loaded.`);
    try {
      return withMemory(pdfium, scratchBytes, (scratch) => collectWords(pdfium, page, textPage, scratch));
    } finally {
      pdfium.FPDFText_ClosePage(textPage);
    }
  } finally {
    pdfium.FPDF_ClosePage(page);
  }
}

/** With what was typed into form fields and onto the page. */
function loadPage(pdfium: Pdfium, document: number, index: number): number {
  const page = pdfium.FPDF_LoadPage(document, index);
  if (page === 0 || pdfium.FPDFPage_GetAnnotCount(page) <= 0 || pdfium.FPDFPage_Flatten(page, 0) !== 1) return page;
  pdfium.FPDF_ClosePage(page);
  return pdfium.FPDF_LoadPage(document, index);
}

/** Whether a character is bold. Names are compared as bytes and tested only when they change. */
function boldTest(pdfium: Pdfium, textPage: number, scratch: number): (index: number) => boolean {
  const buffer = scratch + 32;
  let name = Buffer.alloc(0);
  let named = false;
  return (index) => {
    const size = pdfium.FPDFText_GetFontInfo(textPage, index, buffer, fontNameBytes, scratch);
    if (size > 0 && size <= fontNameBytes) {
      const bytes = pdfium.bytes().subarray(buffer, buffer + size - 1);
      if (!name.equals(bytes)) {
        name = Buffer.from(bytes);
        named = boldName.test(name.toString('latin1'));
      }
      if (named) return true;
    }
    return pdfium.FPDFText_GetFontWeight(textPage, index) >= boldWeight;
  };
}

interface PageTransform {
  readonly width: number;
  readonly height: number;
  /** x' = a x + c y + e, y' = b x + d y + f. */
  readonly matrix: readonly [number, number, number, number, number, number];
}

/** From page space (any origin, y upwards, not rotated) to points from the top left of the page as shown. */
function pageTransform(pdfium: Pdfium, page: number, scratch: number): PageTransform {
  const width = pdfium.FPDF_GetPageWidthF(page);
  const height = pdfium.FPDF_GetPageHeightF(page);
  const device = 1 << 20;
  const span = 1000;
  function map(x: number, y: number): readonly [number, number] {
    pdfium.FPDF_PageToDevice(page, 0, 0, device, device, 0, x, y, scratch, scratch + 4);
    const integers = pdfium.integers();
    return [((integers[scratch >> 2] ?? 0) * width) / device, ((integers[(scratch >> 2) + 1] ?? 0) * height) / device];
  }
  const [e, f] = map(0, 0);
  const [ax, bx] = map(span, 0);
  const [cx, dx] = map(0, span);
  return { width, height, matrix: [(ax - e) / span, (bx - f) / span, (cx - e) / span, (dx - f) / span, e, f] };
}

function collectWords(pdfium: Pdfium, page: number, textPage: number, scratch: number): PageWords {
  const { width, height, matrix } = pageTransform(pdfium, page, scratch);
  const [a, b, c, d, e, f] = matrix;
  const texts: string[] = [];
  const boxes: number[] = [];
  const sizes: number[] = [];
  const flags: number[] = [];
  const count = pdfium.FPDFText_CountChars(textPage);
  const view = scratch >> 2;
  const isBold = boldTest(pdfium, textPage, scratch);
  let text = '';
  let lastDirection: Direction = 'none';
  let lastLeft = 0;
  let lastRight = 0;
  let glyphStart = 0;
  let first = 0;
  let left = 0;
  let top = 0;
  let right = 0;
  let bottom = 0;

  function finish(hyphenated: boolean): void {
    if (text === '') return;
    const x1 = a * left + c * bottom + e;
    const y1 = b * left + d * bottom + f;
    const x2 = a * right + c * top + e;
    const y2 = b * right + d * top + f;
    texts.push(text);
    boxes.push(Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2));
    let scale = 1;
    if (pdfium.FPDFText_GetMatrix(textPage, first, scratch) !== 0) {
      const floats = pdfium.floats();
      scale = Math.hypot(floats[view + 2] ?? 0, floats[view + 3] ?? 1) || 1;
    }
    sizes.push(pdfium.FPDFText_GetFontSize(textPage, first) * scale);
    const angle = pdfium.FPDFText_GetCharAngle(textPage, first);
    // The angle is in page space: on a rotated page, upright text has the page's own rotation.
    const shown = Math.atan2(b * Math.cos(angle) + d * Math.sin(angle), a * Math.cos(angle) + c * Math.sin(angle));
    flags.push(
      (hyphenated ? wordFlags.hyphenated : 0) | (isBold(first) ? wordFlags.bold : 0) | (Math.abs(shown) > maxAngle ? wordFlags.rotated : 0),
    );
    text = '';
    lastDirection = 'none';
  }

  for (let index = 0; index < count; index += 1) {
    const unicode = pdfium.FPDFText_GetUnicode(textPage, index);
    if (isLineEndHyphen(unicode)) {
      finish(true);
      continue;
    }
    if (isSpace(unicode)) {
      finish(false);
      continue;
    }
    if (pdfium.FPDFText_GetLooseCharBox(textPage, index, scratch) === 0) continue;
    const floats = pdfium.floats();
    const charLeft = floats[view] ?? 0;
    const charTop = floats[view + 1] ?? 0;
    const charRight = floats[view + 2] ?? 0;
    const charBottom = floats[view + 3] ?? 0;
    const direction = directionOf(unicode);
    // Words of two directions that stand side by side have no space between them in the file.
    if (direction !== 'none' && lastDirection !== 'none' && direction !== lastDirection) finish(false);
    if (text === '') {
      first = index;
      left = charLeft;
      top = charTop;
      right = charRight;
      bottom = charBottom;
    } else {
      if (charLeft < left) left = charLeft;
      if (charTop > top) top = charTop;
      if (charRight > right) right = charRight;
      if (charBottom < bottom) bottom = charBottom;
    }
    const character = unicode <= 0xffff ? String.fromCharCode(unicode) : String.fromCodePoint(Math.min(unicode, 0x10ffff));
    // The letters of a ligature (lam-alef, the name of God) share one glyph, and come in the order in which they are seen.
    const sharesGlyph = direction === 'right-to-left' && text !== '' && charLeft === lastLeft && charRight === lastRight;
    if (!sharesGlyph) glyphStart = text.length;
    text = text.slice(0, glyphStart) + character + text.slice(glyphStart);
    if (direction !== 'none') lastDirection = direction;
    lastLeft = charLeft;
    lastRight = charRight;
  }
  finish(false);
  return { width, height, texts, boxes: Float32Array.from(boxes), sizes: Float32Array.from(sizes), flags: Uint8Array.from(flags) };
}
