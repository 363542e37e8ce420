import { everyValueIn } from '../language/number-words.ts';
import { numbersOf, standsAmong } from '../language/numbers.ts';
import { contentWords, coverage, fold } from './matching.ts';

export type Polarity = 'yes' | 'no';

const polar = {
  yes: 'yes ja oui si sí sim da tak ano evet да так 是 是的 はい 네 예',
  no: 'no nein non não nao nee nej nei nie ne hayır нет ні 否 不 不是 いいえ 아니요',
} as const;
const wordsOf = {
  yes: new Set(polar.yes.split(' ').map(fold)),
  no: new Set(polar.no.split(' ').map(fold)),
} as const;

/** Questions that "yes" and "no" do not answer, in the larger languages. */
const askedFor =
  /^(?:\p{L}+\s+)?(?:who|whom|whose|what|when|where|which|why|how|wer|wem|wen|wessen|was|wann|wo|wohin|woher|warum|wieso|wie|wieviele?|welche[rsmn]?|qui|que|quoi|quand|où|pourquoi|comment|combien|quel(?:le)?s?|quién|qué|cuándo|dónde|cuál(?:es)?|cuánt[oa]s?|chi|che|quando|dove|quale|quanto)(?!\p{L})/iu;

/** What begins with "yes" or "no", and what it says besides; undefined for every other statement, and where the question asks for something else. */
export function polarityOf(statement: string, question: string): { readonly is: Polarity; readonly rest: string } | undefined {
  const [, first = '', rest = ''] = /^["“]?(\p{L}+)["”]?(?:[\s,.;:!。，]+(.*))?$/su.exec(statement.trim()) ?? [];
  const is = wordsOf.yes.has(fold(first)) ? 'yes' : wordsOf.no.has(fold(first)) ? 'no' : undefined;
  if (is === undefined || askedFor.test(question.trim())) return undefined;
  // "No dogs travel" is a sentence; "No, dogs …" says no.
  const isAlone = rest.trim() === '' || /^["“]?\p{L}+["”]?[,.;:!。，]/u.test(statement.trim());
  return isAlone ? { is, rest: rest.trim() } : undefined;
}

/** Least share of the words of a question that one sentence must hold to say yes or no to it. */
const leastShare = 0.65;

const negations =
  /(?<!\p{L})(?:not|no|never|none|nor|neither|nobody|nothing|cannot|without|nicht|nichts|kein(?:e[rsmn]?)?|nie|niemals|ohne|weder|ne|pas|jamais|sans|aucune?|nunca|sin|ningun[oa]?|non|mai|senza|não|sem|niet|geen|nooit|zonder)(?!\p{L})|n['’]t(?!\p{L})/iu;

/** Whether a sentence of a passage says yes, or no, to the question: it holds its words and numbers, and is negated as the answer wants. */
export function saysSo(
  polarity: Polarity,
  sentence: string,
  { question, language }: { readonly question: string; readonly language: string | undefined },
): boolean {
  const asked = contentWords(question, language);
  const own = contentWords(sentence, language);
  if (asked.size === 0 || coverage(asked, own) < leastShare) return false;
  const values = everyValueIn(sentence, language);
  if (!numbersOf(question).every((number) => standsAmong(number, values))) return false;
  return (negations.test(sentence) === negations.test(question) ? 'yes' : 'no') === polarity;
}
