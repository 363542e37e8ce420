import { mapInTurns } from '../util/in-turns.ts';
import { contentWords, sentencesOf } from './matching.ts';

/** A sentence, line or table row of a hit: range in the hit's text, and how well it matches the question. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Sum of the inverse sentence frequencies of the question's words it holds, plus a share of its neighbours'. */
  readonly score: number;
  /** Index of the header row that the piece cannot be read without. */
  readonly header: number | undefined;
}

/** What the sentences beside a matching one are worth: an answer often stands next to the words of its question. */
const neighbourShare = 0.2;
/** Cells of a table row in canonical text. */
const cellSeparator = ' | ';

/**
 * The texts in pieces, each scored against the question. A word of the question counts the more the fewer pieces of all texts hold it
 * (inverse sentence frequency, as in BM25: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009). Pure.
 */
export async function scorePieces(question: string, texts: readonly string[], language?: string): Promise<Piece[][]> {
  const split = await mapInTurns(texts, (text) =>
    sentencesOf(text).map((sentence) => ({ ...sentence, words: contentWords(sentence.text, language) })),
  );
  const all = split.flat();
  const holders = new Map<string, number>();
  for (const { words } of all) for (const word of words) holders.set(word, (holders.get(word) ?? 0) + 1);
  const weights = new Map<string, number>();
  // A word that no piece holds says nothing of them; a long question has many.
  for (const word of contentWords(question, language)) {
    const holding = holders.get(word);
    if (holding !== undefined) weights.set(word, Math.log(1 + (all.length - holding + 0.5) / (holding + 0.5)));
  }
  return mapInTurns(split, (sentences) => {
    const own = sentences.map(({ words }) => [...weights].reduce((sum, [word, weight]) => sum + (words.has(word) ? weight : 0), 0));
    const headers = headerRows(sentences.map(({ text }) => text));
    return sentences.map(({ start, end, text }, index) => ({
      start,
      end,
      text,
      score: (own[index] ?? 0) + neighbourShare * ((own[index - 1] ?? 0) + (own[index + 1] ?? 0)),
      header: headers[index],
    }));
  });
}

/** For each row of a table the index of the table's first row, which names its columns; undefined for the first row and for other lines. */
function headerRows(lines: readonly string[]): (number | undefined)[] {
  let first: number | undefined;
  return lines.map((line, index) => {
    if (!line.includes(cellSeparator)) {
      first = undefined;
      return undefined;
    }
    first ??= index;
    return first === index ? undefined : first;
  });
}

/**
 * Indexes of the best pieces within `roomTokens`, in reading order: all where all fit, else by falling score, each together with its
 * table's header row. At least one piece is taken, whatever it costs. Pure.
 * @param tokens of each piece
 */
export function choosePieces(pieces: readonly Piece[], tokens: readonly number[], roomTokens: number): number[] {
  const cost = (index: number): number => tokens[index] ?? 0;
  if (pieces.reduce((sum, _, index) => sum + cost(index), 0) <= roomTokens) return pieces.map((_, index) => index);
  const taken = new Set<number>();
  let used = 0;
  const ranked = pieces
    .map(({ score, header }, index) => ({ index, score, header }))
    .sort((a, b) => b.score - a.score || a.index - b.index);
  for (const { index, header } of ranked) {
    const wanted = (header === undefined ? [index] : [header, index]).filter((one) => !taken.has(one));
    const price = wanted.reduce((sum, one) => sum + cost(one), 0);
    if (taken.size > 0 && used + price > roomTokens) continue;
    for (const one of wanted) taken.add(one);
    used += price;
  }
  return [...taken].sort((a, b) => a - b);
}

/** The chosen pieces as they stand in the text, "…" where something between them is left out. */
export function joinPieces(text: string, pieces: readonly Piece[], chosen: readonly number[]): string {
  let joined = '';
  let last: number | undefined;
  for (const index of chosen) {
    const piece = pieces[index];
    if (piece === undefined) continue;
    const before = last === undefined ? undefined : pieces[last];
    if (before !== undefined) joined += last === index - 1 ? text.slice(before.end, piece.start) : '\n…\n';
    joined += piece.text;
    last = index;
  }
  return joined;
}
