/** Words that point back to what was asked before, in the languages of most users; a question that begins so is half a question. */
const pointsBack =
  /^(?:and|but|or|what about|how about|und|aber|oder|was ist mit|wie sieht es mit|et|mais|y|pero|e|ma)\b|\b(?:it|its|they|them|their|he|she|him|his|her|hers|this|that|these|those|there|then|er|ihn|ihm|sein|seine|ihr|ihre|dies|diese|dieser|dieses|dort|davon|dafür|il|elle|ils|elles|lui|cela)\b/iu;

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
  return pointsBack.test(question) || (!isUnspaced && words.length < fewWords) ? `${before} ${question}` : question;
}
