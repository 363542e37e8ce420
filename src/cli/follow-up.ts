/** Beginnings of half a question, in the languages of most users. */
const goesOn = /^(?:and|but|or|what about|how about|und|aber|oder|was ist mit|wie sieht es mit|et|mais|y|pero|e|ma)(?=\s)/iu;
/** Words that point back to what was asked before; in capitals some of them are names ("IT"). */
const pointsBack =
  /(?<![\p{L}\p{N}-])(?:it|its|they|them|their|he|she|him|his|her|hers|er|ihn|ihm|sein|seine|ihr|ihre|davon|dafür|il|elle|ils|elles|lui|cela)(?![\p{L}\p{N}-])/u;
/** Words that point back where the question has little else: "Is that all?", but not "the fee that is due". */
const mayPointBack = /(?<![\p{L}\p{N}-])(?:this|that|these|those|there|then|dies|diese|dieser|dieses|dort)(?![\p{L}\p{N}-])/iu;
const leastOwnWords = 5;

/** A question with fewer words than this leans on the one before. */
const fewWords = 3;

/**
 * A question of a conversation as one that stands alone: one that points back, or is too short to say what it is about, is asked together
 * with the question before.
 */
export function standAlone(question: string, before: string | undefined): string {
  if (before === undefined) return question;
  const words = question.match(/[\p{L}\p{N}]+/gu) ?? [];
  const isUnspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(question);
  const isShort = !isUnspaced && words.length < fewWords;
  const leans = goesOn.test(question) || pointsBack.test(question) || (words.length < leastOwnWords && mayPointBack.test(question));
  return leans || isShort ? `${before} ${question}` : question;
}
