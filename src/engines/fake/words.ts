const stopWords = new Set(
  'a an and are as at be been by can could did do does for from had has have how i if in into is it its may much many must no not of on or our out shall should so than that the their them then there these they this to up was we were what when where which who whom whose why will with would you your'.split(
    ' ',
  ),
);

/** Words, numbers and single signs with the white space before them: their concatenation is the text. The tokens of the fake models. */
export function piecesOf(text: string): string[] {
  return text.match(/\s*(?:[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}])|\s+$/gu) ?? [];
}

/** Lower-case words that carry meaning, in order, with repetitions; a plural `s` is cut off. */
export function contentWords(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return words.filter((word) => !stopWords.has(word)).map((word) => (word.length > 3 ? word.replace(/s$/, '') : word));
}

/** How many of the words stand in the text. */
export function countShared(words: ReadonlySet<string>, text: string): number {
  return new Set(contentWords(text).filter((word) => words.has(word))).size;
}

/** FNV-1a over UTF-16 code units, 32 bits. */
export function hashWord(word: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < word.length; index += 1) hash = Math.imul(hash ^ word.charCodeAt(index), 0x01000193) >>> 0;
  return hash;
}
