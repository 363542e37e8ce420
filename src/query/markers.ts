/**
 * Numbers in brackets. Ours, "[2]", cite a passage by its number. Those of a document are part of its text ("items[0]", "paragraph [3]") or the
 * marks of its footnotes, and must not be taken for ours.
 */

const marker = /(?<!\s)\s*\[(\d{1,3})\]/gu;
/** UTF-16 code units before a number that are looked at: of a longer word its end. */
const lengthBefore = 200;
/** What a number belongs to: the word before it, with the end of a sentence that may stand between. */
const wordBefore = /(?<![\p{L}\p{M}\p{N}\])])[\p{L}\p{M}\p{N}\])]+[.,;:!?…"”’»)]*$/u;
const sentenceEnd = /[.!?…。！？]["”’»)]*(?:\[\d{1,3}\])*$/u;
/** A word with its numbers. The look back lets a search begin at the start of a word only, in whatever text. */
const numberedWord = /(?<![^\s“”"'(),;[\]])[^\s“”"'(),;[\]]+\s*\[\d{1,3}\](?:\[\d{1,3}\])*/gu;
const footnote = /[.!?…。！？]["”’»)]*\[\d{1,3}\]/u;

export interface Unmarked {
  /** Without markers that cite, and without footnote marks behind the end of a sentence. */
  readonly plain: string;
  /** Indexes of the passages that its markers name. */
  readonly named: ReadonlySet<number>;
  /** `plain` holds numbers of a document that are those of passages, too. */
  readonly isAmbiguous: boolean;
}

/** Takes the markers out of a sentence over these passages. A number that stands in one of them behind the same word is that document's. */
export function readMarkers(sentence: string, passages: readonly string[]): Unmarked {
  const named = new Set<number>();
  let isAmbiguous = false;
  const plain = sentence.replace(marker, (found: string, digits: string, at: number) => {
    const number = Number(digits);
    const isPassage = number >= 1 && number <= passages.length;
    const before = sentence.slice(Math.max(0, at - lengthBefore), at);
    const [word = ''] = wordBefore.exec(before) ?? [];
    const written = isPassage ? (word === '' ? '' : `${word}${found}`) : found.trim();
    if (written === '' || !passages.some((text) => text.includes(written))) {
      if (isPassage) named.add(number - 1);
      return '';
    }
    if (sentenceEnd.test(before) && !found.startsWith(' ')) return '';
    isAmbiguous ||= isPassage;
    return found;
  });
  return { plain, named, isAmbiguous };
}

/**
 * A sentence that keeps numbers of its document so that none is taken for a marker: one that is copied from it stands in quotation marks;
 * of others the word with its number does, but for marks of footnotes, which go.
 */
export function withOwnNumbers(plain: string, passage: string, isCopied: boolean): string {
  if (isCopied) return `“${plain}”`;
  if (footnote.test(passage)) return withoutNumbers(plain);
  return plain.replace(numberedWord, '“$&”');
}

/** Without any number in brackets, and the space before it. */
export function withoutNumbers(text: string): string {
  return text.replace(marker, '');
}
