import { functionWordLanguages, functionWords } from './function-words.ts';

/** Scripts that one language of ours is written in, in the order they are looked for: Japanese mixes kana with Han. */
const languageOfScript: readonly (readonly [RegExp, string])[] = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/gu, 'ja'],
  [/\p{Script=Hangul}/gu, 'ko'],
  [/\p{Script=Han}/gu, 'zh'],
  [/\p{Script=Thai}/gu, 'th'],
  [/\p{Script=Greek}/gu, 'el'],
  [/\p{Script=Hebrew}/gu, 'he'],
  [/\p{Script=Arabic}/gu, 'ar'],
  [/\p{Script=Devanagari}/gu, 'hi'],
  [/\p{Script=Bengali}/gu, 'bn'],
  [/\p{Script=Tamil}/gu, 'ta'],
  [/\p{Script=Georgian}/gu, 'ka'],
  [/\p{Script=Armenian}/gu, 'hy'],
];
/** The scripts of `languageOfScript` lie beyond the Latin letters, but for the signs in between; the letters of `lettersOf` beyond ASCII. */
const beyondLatin = /[\u0370-\u1CFF\u2C00-\uFFFF]/g;
const beyondAscii = /[^\0-\u007F]/;
const cyrillic = new Set(['ru', 'uk']);
/** Letters that few languages have; each word with one counts like a function word. */
const lettersOf: readonly (readonly [RegExp, readonly string[]])[] = [
  [/[äöü]/, ['de', 'sv', 'fi', 'hu', 'tr']],
  [/ß/, ['de']],
  [/[ñ¿¡]/, ['es']],
  [/[ãõ]/, ['pt']],
  [/å/, ['sv', 'da', 'nb']],
  [/[øæ]/, ['da', 'nb']],
  [/[łąęśźżćń]/, ['pl']],
  [/[řěů]/, ['cs']],
  [/[őű]/, ['hu']],
  [/[ğı]/, ['tr']],
  [/[șțşţ]/, ['ro']],
  [/œ/, ['fr']],
  [/[іїєґ]/, ['uk']],
  [/[ыэё]/, ['ru']],
];

/** Read of a text: a few paragraphs tell. */
const readCharacters = 4_000;
/** Least share of letters of a script, kana counting for three since Japanese is mostly Han. */
const scriptShare = 0.25;
const kanaShare = 0.08;
/** Less than one word of its own is a coincidence: "a", "on" and "et" stand in many languages. */
const leastScore = 0.8;

/** So many words tell where one language has so high a score and twice that of the next. */
const earlyWords = 80;
const earlyScore = 8;
/** These hold so many words, as a rule. */
const earlyCharacters = 800;

function leaders(scores: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...scores].sort((a, b) => b[1] - a[1]).slice(0, 2);
}

/** A language detector; it builds its table of words once. */
export interface LanguageDetector {
  /**
   * ISO 639-1 code of the language a text is written in; undefined when it cannot be told. By script, else by function words, each
   * counting for 1 / (languages that have it); the best language needs clearly more than the next. One-line questions suffice.
   */
  detect(text: { slice(start: number, end: number): string }): string | undefined;
}

/** "Las Vegas", "Los Angeles": says nothing of the text around it. German writes its nouns so after every article. */
function isPartOfName(word: string, next: string | undefined): boolean {
  const capital = /^\p{Lu}\p{Ll}/u;
  return next !== undefined && capital.test(word) && capital.test(next);
}

export function createLanguageDetector(): LanguageDetector {
  const owners = new Map<string, string[]>();
  for (const language of functionWordLanguages) {
    for (const word of new Set(functionWords(language))) owners.set(word, [...(owners.get(word) ?? []), language]);
  }

  function byScript(text: string): string | undefined {
    const beyond = text.match(beyondLatin)?.length ?? 0;
    if (beyond === 0) return undefined;
    const letters = text.match(/\p{L}/gu)?.length ?? 0;
    // A few Greek letters between Latin ones are no reason to look for every script.
    if (letters === 0 || beyond < letters * kanaShare) return undefined;
    return languageOfScript.find(
      ([pattern, language]) => (text.match(pattern)?.length ?? 0) >= letters * (language === 'ja' ? kanaShare : scriptShare),
    )?.[1];
  }

  return {
    detect(text) {
      const read = text.slice(0, readCharacters);
      const scripted = byScript(read);
      if (scripted !== undefined) return scripted;
      const scores = new Map<string, number>();
      const count = (languages: readonly string[]): void => {
        for (const language of languages) scores.set(language, (scores.get(language) ?? 0) + 1 / languages.length);
      };
      const isAscii = !beyondAscii.test(read);
      const wordsOf = (part: string): readonly string[] => part.match(isAscii ? /\b[a-z]+\b/gi : /(?<!\p{N})\p{L}+(?!\p{N})/gu) ?? [];
      // Most texts are told by their first words: the others are then not cut out.
      const cut = read.length > 2 * earlyCharacters ? read.lastIndexOf(' ', earlyCharacters) : -1;
      let isWhole = cut === -1;
      let written = wordsOf(isWhole ? read : read.slice(0, cut));
      let words = 0;
      for (let index = 0; ; index += 1) {
        if (!isWhole && index + 1 >= written.length) {
          written = [...written, ...wordsOf(read.slice(cut))];
          isWhole = true;
        }
        const one = written[index];
        if (one === undefined) break;
        const word = one.toLowerCase();
        // "T cells", "vitamin D": single letters of the alphabet stand for themselves.
        if (word.length === 1 && word <= 'z') continue;
        words += 1;
        if (words === earlyWords) {
          const [best, second] = leaders(scores);
          if (best !== undefined && best[1] >= earlyScore && best[1] >= 2 * (second?.[1] ?? 0)) return best[0];
        }
        const languages = owners.get(word);
        if (languages !== undefined)
          count(isPartOfName(one, written[index + 1]) ? languages.filter((language) => language === 'de') : languages);
        if (isAscii || !beyondAscii.test(word)) continue;
        for (const [letters, those] of lettersOf) if (letters.test(word)) count(those);
      }
      const [best, second] = leaders(scores);
      if (best === undefined) return /\p{Script=Cyrillic}/u.test(read) ? 'ru' : undefined;
      const clear = best[1] >= leastScore && best[1] >= 1.2 * (second?.[1] ?? 0);
      return clear || (second !== undefined && cyrillic.has(best[0]) && cyrillic.has(second[0])) ? best[0] : undefined;
    },
  };
}
