/** Words of a text that stand as prose does, and how much of it is code. */
export interface Prose {
  readonly words: readonly ProseWord[];
  /** Pieces between white space that hold letters and are written as no prose is: identifiers, calls, paths, addresses, operators. */
  readonly codePieces: number;
}

export interface ProseWord {
  /** Letters only, as written. */
  readonly word: string;
  /** Before an apostrophe: "l'eau", "qu'il". */
  readonly elided: boolean;
  /** At the beginning of a line or sentence, where every word has a capital letter. */
  readonly first: boolean;
}

/** `parse_row`, `items[at]`, `a.b`, `f(`, `x=1`, `getName`, "https://", "src/query/": Markdown emphasises with `*` and `_` around words. */
const code =
  /[=<>{}|\\#$@`^~]|\p{L}_+\p{L}|\p{L}\[\p{L}|\w\(|\(\)|\)\.|(?<![\p{L}.])\p{L}{2,}\.\p{L}{2,}|\p{Ll}{2}\p{Lu}|::|->|&&|\/\w*(?:\/|\.\w)|\w\/\w+\/|;\S|^[-+!]?[A-Za-z0-9+/]{24,}$/u;
/** Stands between the operands of code; tables, rules and lists of Markdown have others. */
const operator = /^(?:[=!<>+*/%&|^?:-]?=+|[<>{}]|=>|->|&&|\|\||\+\+|<<|>>|\{\}|\[\]|\(\))[;,)]*$/;
/** What may stand around words, then words joined by hyphens and apostrophes. */
const piecePattern = /^[\p{Ps}\p{Pi}\p{Pf}"'*_¿¡-]*([\p{L}\p{M}]+(?:['’‘\u2010\u2011–—/-][\p{L}\p{M}]+)*)['’]?[\p{P}*_]*(?:\[\d+\])*$/u;
/** Not the initials of a name. */
const endsSentence = /(?:[^\p{Lu}.]|\p{L}{2})[.!?:…][\p{Pe}\p{Pf}"']*$|^[-–—•*#]+$/u;
const opensSentence = /^[\p{Ps}\p{Pi}"'¿¡]/u;
/** Most pieces of most texts, known at once. */
const plainWord = /^([A-Z]?[a-z]{2,20})(?:[,;]|([.!?:]))?$/;
const lineEndOfCode = /[;{}([,]\s*$/;

/**
 * The prose of a text. Words of a line that is code are left out, and so are parts of compounds ("non-linear"), which are formed with words of
 * other languages, unless every part is wanted: "est-il".
 *
 * @param isKnown whether a part of a compound, lower case, is a word by itself
 */
export function proseOf(text: string, isKnown: (part: string) => boolean): Prose {
  const words: ProseWord[] = [];
  let codePieces = 0;
  for (const line of text.split('\n')) {
    const pieces = line.match(/\S+/g) ?? [];
    const plainWords = pieces.map((piece) => plainWord.exec(piece));
    const ofCode = pieces.filter(
      (piece, place) => plainWords[place] === null && (operator.test(piece) || (/\p{L}/u.test(piece) && code.test(piece))),
    ).length;
    codePieces += ofCode;
    if (2 * ofCode >= pieces.length || (5 * ofCode >= pieces.length && lineEndOfCode.test(line))) {
      codePieces += pieces.filter((piece) => piecePattern.test(piece) && !code.test(piece)).length;
      continue;
    }
    let first = true;
    for (const [place, piece] of pieces.entries()) {
      const plain = plainWords[place];
      if (plain?.[1] !== undefined) {
        words.push({ word: plain[1], elided: false, first });
        first = plain[2] !== undefined;
        continue;
      }
      const whole = code.test(piece) ? undefined : piecePattern.exec(piece)?.[1];
      if (whole !== undefined) words.push(...wordsOf(whole, isKnown, first || opensSentence.test(piece)));
      first = endsSentence.test(piece);
    }
  }
  return { words, codePieces };
}

function wordsOf(whole: string, isKnown: (part: string) => boolean, first: boolean): ProseWord[] {
  const parts = whole.split(/[\u2010\u2011–—/-]/u);
  if (parts.length > 1 && (whole.includes('/') || !parts.every((part) => isKnown(part.toLowerCase()))))
    return [{ word: whole, elided: false, first }];
  return parts.flatMap((part, place) => {
    const pieces = part.split(/['’‘]/u);
    return pieces.map((word, index) => ({ word, elided: index < pieces.length - 1, first: first && place === 0 && index === 0 }));
  });
}
