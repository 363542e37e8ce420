import { canonicalText } from './canonical-text.ts';
import { createTextDecoder, withoutMark } from './decode-text.ts';

/** Bytes that are decoded at once. */
const windowBytes = 256 * 1024;

/** The text of a large file as `decodeText` gives it, window by window; most end in the middle of a line. */
export function* textWindows(bytes: Uint8Array, encoding: string): Generator<string> {
  const decoder = createTextDecoder(encoding);
  const content = withoutMark(bytes);
  for (let at = 0; at < content.length; at += windowBytes) yield decoder.write(content.subarray(at, at + windowBytes));
  yield decoder.end();
}

/** The same windows, each ending where canonical text may be cut: with a line, else between words, else between characters. */
export function* cutWindows(windows: Iterable<string>): Generator<string> {
  let rest = '';
  for (const window of windows) {
    const text = rest + window;
    const cut = lastCut(text);
    if (cut > 0) yield text.slice(0, cut);
    rest = text.slice(cut);
  }
  if (rest !== '') yield rest;
}

/** Characters that are tried as the first of the next window. */
const triedCuts = 100;
/** What stands on either side of a cut tells whether it changes anything. UTF-16 units. */
const context = 32;

function lastCut(text: string): number {
  const line = text.lastIndexOf('\n') + 1;
  if (line > 0) return line;
  const word = text.lastIndexOf(' ') + 1;
  if (word > 0) return word;
  for (let cut = text.length - 1; cut > Math.max(0, text.length - triedCuts); cut -= 1) if (isCut(text, cut)) return cut;
  // What is decoded later stands behind it.
  return 0;
}

/** Whether the canonical text of the whole is that of both sides. */
function isCut(text: string, cut: number): boolean {
  const before = text.slice(Math.max(0, cut - context), cut);
  const after = text.slice(cut, cut + context);
  // What is taken out of a text stands between characters that may belong together.
  if (isLowSurrogate(after.charCodeAt(0)) || canonicalText(after.slice(0, 1)) === '') return false;
  return before.at(-1) !== '\r' && canonicalText(before) + canonicalText(after) === canonicalText(before + after);
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
