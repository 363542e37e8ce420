/** Length in UTF-8 of one code unit; a surrogate pair counts 4 in two halves. An upper bound for the tokens of a byte-level tokenizer. */
function unitBytes(unit: number): number {
  if (unit < 0x80) return 1;
  if (unit < 0x800) return 2;
  return unit >= 0xd800 && unit <= 0xdfff ? 2 : 3;
}

export function utf8Bytes(text: string, start: number, end: number): number {
  let bytes = 0;
  for (let position = start; position < end; position += 1) bytes += unitBytes(text.charCodeAt(position));
  return bytes;
}

function isWhite(unit: number): boolean {
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit === 0xa0 || unit === 0x3000 || unit === 0x2028 || unit === 0x2029;
}

/** Whether a range holds nothing that stands in a span. */
export function isWhiteBetween(text: string, start: number, end: number): boolean {
  for (let position = start; position < end; position += 1) if (!isWhite(text.charCodeAt(position))) return false;
  return true;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Punctuation after which a long sentence is cut rather than between any two words. */
const clauseEnd = /[,;:)\]|，、；：。．！？]/;

/**
 * Cuts [start, end) into pieces of at most `maxBytes` UTF-8 bytes (at least 4, one character), each without white space at its ends.
 * A cut is made after a clause, else between words, else between characters, never inside a surrogate pair.
 */
export function splitSpan(text: string, start: number, end: number, maxBytes: number): { start: number; end: number }[] {
  const pieces: { start: number; end: number }[] = [];
  let position = start;
  while (position < end) {
    if (isWhite(text.charCodeAt(position))) {
      position += 1;
      continue;
    }
    const cut = findCut(text, position, end, Math.max(maxBytes, 4));
    let last = cut;
    while (last > position && isWhite(text.charCodeAt(last - 1))) last -= 1;
    pieces.push({ start: position, end: last });
    position = cut;
  }
  return pieces;
}

function findCut(text: string, start: number, end: number, maxBytes: number): number {
  let bytes = 0;
  let limit = start;
  while (limit < end) {
    bytes += unitBytes(text.charCodeAt(limit));
    if (bytes > maxBytes) break;
    limit += 1;
  }
  if (limit === end) return end;
  if (isLowSurrogate(text.charCodeAt(limit))) limit -= 1;
  const earliest = start + Math.floor((limit - start) / 2);
  let wordCut = 0;
  for (let position = limit; position > earliest; position -= 1) {
    const before = text[position - 1] ?? '';
    const isBoundary = isWhite(text.charCodeAt(position)) || isWhite(text.charCodeAt(position - 1));
    if (isBoundary && wordCut === 0) wordCut = position;
    if (clauseEnd.test(before) && (isBoundary || before > '\u2fff')) return position;
  }
  return wordCut === 0 ? limit : wordCut;
}
