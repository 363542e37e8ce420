import { englishHomographs, functionWordLanguages, functionWords, tellingWords } from './function-words.ts';
import { type Prose, proseOf, type ProseWord } from './prose.ts';

/** Scripts that one language of ours is written in, in the order they are looked for: Japanese mixes kana with Han. */
const languageOfScript: readonly (readonly [RegExp, string])[] = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/gu, 'ja'],
  [/\p{Script=Hangul}/gu, 'ko'],
  [/\p{Script=Han}/gu, 'zh'],
  [/\p{Script=Thai}/gu, 'th'],
  // Fewer letters are symbols: "TNF-α", "γδ T cells".
  [/(?:\p{Script=Greek}\p{M}*){3,}/gu, 'el'],
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
/**
 * Letters that few languages have; each word with one counts like a function word, or for half of one where English borrows such words
 * ("jalapeño", "œuvre"). Names have the letters of where they come from: a capital letter halves it.
 */
const lettersOf: readonly {
  readonly letters: RegExp;
  readonly languages: readonly string[];
  readonly counts: number;
  readonly inNames?: number;
}[] = [
  { letters: /[äöü]/, languages: ['de', 'sv', 'fi', 'hu', 'tr'], counts: 1, inNames: 1 },
  { letters: /ß/, languages: ['de'], counts: 1, inNames: 1 },
  { letters: /ñ/, languages: ['es'], counts: 0.5 },
  { letters: /[ãõ]/, languages: ['pt'], counts: 1 },
  { letters: /å/, languages: ['sv', 'da', 'nb'], counts: 1 },
  { letters: /[øæ]/, languages: ['da', 'nb'], counts: 1 },
  { letters: /[łąęśźżćń]/, languages: ['pl'], counts: 1 },
  { letters: /[řěů]/, languages: ['cs'], counts: 1 },
  { letters: /[őű]/, languages: ['hu'], counts: 1 },
  { letters: /[ğı]/, languages: ['tr'], counts: 1 },
  { letters: /[șțşţ]/, languages: ['ro'], counts: 1 },
  { letters: /œ/, languages: ['fr'], counts: 0.5 },
  { letters: /[іїєґ]/, languages: ['uk'], counts: 1 },
  { letters: /[ыэё]/, languages: ['ru'], counts: 1 },
];

/** Read of a text: a few paragraphs tell. */
const readCharacters = 4_000;
/** Least share of letters of a script, kana counting for three since Japanese is mostly Han. */
const scriptShare = 0.25;
const kanaShare = 0.08;
/** Less than one word of its own is a coincidence: "a", "on" and "et" stand in many languages. */
const leastScore = 0.8;
/** In a longer text, so much for each word: prose has three times as much, lists of names and identifiers have less. */
const leastShare = 0.06;
const shareWords = 30;

/** So many pieces of code beside the words of a text make it code. */
const codeShare = 0.3;
const leastCode = 8;

/** So many words tell where one language has so high a score and twice that of the next. */
const earlyWords = 50;
const earlyScore = 6;
/** These hold so many words, as a rule. */
const earlyCharacters = 500;

/**
 * So many words of English alone in the opening of a text that is not code say it at once: most documents are told so, for a tenth of the time
 * that it takes to weigh each word.
 */
const englishAlone = /\b(?:the|and|that|with|which|from|this|these|were|have|has|been)\b/gi;
const openingWords = 6;
const openingCharacters = 500;
const codeSigns = /[{}]|;\s*\n|=>|\w\(\)/;

function opensInEnglish(text: string): boolean {
  const opening = text.slice(0, openingCharacters);
  return (opening.match(englishAlone)?.length ?? 0) >= openingWords && !codeSigns.test(opening);
}

/** A language detector; it builds its table of words once. */
export interface LanguageDetector {
  /**
   * ISO 639-1 code of the language a text is written in; undefined when it cannot be told, and for source code and encoded data. By script,
   * else by function words, each counting for 1 / (languages that have it), and letters; the best language needs clearly more than the next.
   * One-line questions suffice. Names, and words that English has too ("comment", "die", "plus"), are not taken for another language.
   */
  detect(text: { slice(start: number, end: number): string }): string | undefined;
}

/** "Las Vegas", "Los Angeles": says nothing of the text around it. German writes its nouns so after every article, English its titles. */
function isPartOfName(word: string, next: string | undefined): boolean {
  const capital = /^\p{Lu}\p{Ll}/u;
  return next !== undefined && capital.test(word) && capital.test(next);
}
/** What is left out before an apostrophe: "l'eau", "c'è". */
const elidedLanguages: readonly string[] = ['fr', 'it'];
/** English words with such letters. */
const englishLoans: ReadonlySet<string> = new Set(
  (
    'attaché blasé brûlée café cafés canapé cliché clichés communiqué coöperation crème décor déjà doppelgänger éclair entrée exposé façade façades fête ' +
    'fiancé fiancée jalapeño jalapeños naïve naïveté passé piñata protégé résumé résumés sauté señor smörgåsbord soufflé touché über'
  ).split(' '),
);
/** German writes these with a capital letter, too, where they speak to the reader. */
const politeWords: ReadonlySet<string> = new Set(['sie', 'ihnen', 'ihr', 'ihre', 'ihrem', 'ihren', 'ihrer']);
/** Each of them is English; one behind the other they are not. */
const germanOpening = /^was (?:die|hat|war)$/i;

export function createLanguageDetector(): LanguageDetector {
  const owners = new Map<string, string[]>();
  for (const language of functionWordLanguages) {
    for (const word of new Set([...(functionWords(language) ?? []), ...(tellingWords[language]?.split(' ') ?? [])]))
      owners.set(word, [...(owners.get(word) ?? []), language]);
  }

  function byScript(text: string): string | undefined {
    const beyond = text.match(beyondLatin)?.length ?? 0;
    if (beyond === 0) return undefined;
    const letters = text.match(/\p{L}/gu)?.length ?? 0;
    // A few Greek letters between Latin ones are no reason to look for every script.
    if (letters === 0 || beyond < letters * kanaShare) return undefined;
    return languageOfScript.find(([pattern, language]) => {
      const found = (text.match(pattern) ?? []).reduce((length, part) => length + part.length, 0);
      return found > 0 && found >= letters * (language === 'ja' ? kanaShare : scriptShare);
    })?.[1];
  }

  /** What speaks for each language, and which of them are told by more than words that are English as well. */
  function scoresOf(
    words: readonly ProseWord[],
    shouting: boolean,
  ): { readonly scores: ReadonlyMap<string, number>; readonly certain: ReadonlySet<string> } {
    const scores = new Map<string, number>();
    const certain = new Set<string>();
    const count = (languages: readonly string[], each: number): void => {
      for (const language of languages) scores.set(language, (scores.get(language) ?? 0) + each);
    };
    let isAccented = false;
    for (const [index, { word: written, elided, first }] of words.entries()) {
      const word = written.toLowerCase();
      const isSmall = word === written;
      if (word.length <= 1 && word <= 'z') {
        // "T cells", "vitamin D": single letters of the alphabet stand for themselves, but for those of "l'eau".
        if (elided && isSmall && word !== 'o') count(elidedLanguages, 1 / elidedLanguages.length);
        continue;
      }
      // "IT" and "AZT" are names.
      if (!shouting && written.length > 1 && written === written.toUpperCase() && !isSmall) continue;
      const languages = owners.get(word) ?? [];
      if (languages.length === 0 && !beyondAscii.test(word)) continue;
      // Inside a sentence, or before another capital letter.
      const isNamed = !isSmall && !shouting && (!first || isPartOfName(written, words[index + 1]?.word));
      const telling = isNamed
        ? languages.filter((language) => language === 'en' || (language === 'de' && (first || politeWords.has(word))))
        : languages;
      count(telling, 1 / languages.length);
      if (!languages.includes('en') && !englishHomographs.has(word)) for (const language of telling) certain.add(language);
      if (!beyondAscii.test(word) || englishLoans.has(word)) continue;
      if (isSmall) isAccented = true;
      for (const { letters, languages: those, counts, inNames = counts / 2 } of lettersOf)
        if (letters.test(word)) count(those, (isSmall || first || shouting ? counts : inNames) / those.length);
    }
    if (isAccented) for (const language of scores.keys()) certain.add(language);
    if (germanOpening.test([words[0]?.word, words[1]?.word].join(' '))) certain.add('de');
    return { scores, certain };
  }

  return {
    detect(text) {
      const read = text.slice(0, readCharacters);
      const scripted = byScript(read);
      if (scripted !== undefined) return scripted;
      if (opensInEnglish(read)) return 'en';
      const isKnown = (part: string): boolean => owners.has(part);
      // Most texts are told by their first words: the others are then not read.
      const cut = read.length > 2 * earlyCharacters ? read.lastIndexOf(' ', earlyCharacters) : -1;
      if (cut > 0) {
        const early = languageOfProse(proseOf(read.slice(0, cut), isKnown), read, true);
        if (early !== undefined) return early;
      }
      return languageOfProse(proseOf(read, isKnown), read, false);
    },
  };

  function languageOfProse({ words, codePieces }: Prose, text: string, early: boolean): string | undefined {
    if (codePieces >= leastCode && codePieces >= codeShare * (codePieces + words.length)) return undefined;
    const isCyrillic = mostlyCyrillic(words);
    const { scores, certain } = scoresOf(words, !/\p{Ll}/u.test(text));
    const [best, second] = [...scores].filter(([language]) => !isCyrillic || cyrillic.has(language)).sort((a, b) => b[1] - a[1]);
    const next = second?.[1] ?? 0;
    if (early)
      return best !== undefined && words.length >= earlyWords && best[1] >= earlyScore && best[1] >= 2 * next ? best[0] : undefined;
    if (best === undefined) return isCyrillic ? 'ru' : undefined;
    if (isCyrillic) return best[0];
    if (words.length >= shareWords && best[1] < leastShare * words.length) return undefined;
    return (best[0] === 'en' || certain.has(best[0])) && best[1] >= leastScore && best[1] >= 1.2 * next ? best[0] : undefined;
  }
}

/** Whether most words are: a name between Latin words tells nothing of them. */
function mostlyCyrillic(words: readonly ProseWord[]): boolean {
  const among = words.filter(({ word }) => /\p{Script=Cyrillic}/u.test(word)).length;
  return among > 0 && 2 * among >= words.length;
}
