import { describe, expect, it } from 'vitest';
import { choosePieces, joinPieces, type Piece, scorePieces } from './excerpt.ts';

const prices = 'Ticket | Adult | Child\nDay | 8.00 | 4.00\nWeek | 31.00 | 15.50\nMonth | 96.00 | 48.00';
const rules = 'Dogs travel free. A bicycle needs a ticket of its own. Prams stand in the guard van.';

describe('scorePieces', () => {
  it('splits texts into sentences and rows with their ranges', async () => {
    const [first = [], second = []] = await scorePieces('bicycle', [prices, rules]);
    expect(first.map(({ text }) => text)).toEqual(prices.split('\n'));
    for (const { start, end, text } of first) expect(prices.slice(start, end)).toBe(text);
    for (const { start, end, text } of second) expect(rules.slice(start, end)).toBe(text);
  });

  it('scores what holds words of the question highest, and its neighbours above the rest', async () => {
    const text = 'One stands here. Two stands here. The bicycle stays. Four stands here.';
    const [[one, two, three, four] = []] = await scorePieces('Where does the bicycle go?', [text]);
    expect(three!.score).toBeGreaterThan(two!.score);
    expect(two!.score).toBe(four!.score);
    expect(two!.score).toBeGreaterThan(one!.score);
    expect(one!.score).toBe(0);
  });

  it('weighs a rare word above one that every piece holds', async () => {
    const [[, fine, late] = []] = await scorePieces('train fine', ['The train leaves. The train fine is due. The train waits.']);
    expect(fine!.score).toBeGreaterThan(late!.score);
  });

  it('names the header row of every row below it, and none for a line outside a table', async () => {
    const [pieces = []] = await scorePieces('week', [`Prices of the summer.\n${prices}\nAsk the guard.`]);
    expect(pieces.map(({ header }) => header)).toEqual([undefined, undefined, 1, 1, 1, undefined]);
  });

  it('gives nothing for an empty text and a score of 0 for a question without words', async () => {
    expect(await scorePieces('what is it', ['', rules])).toEqual([[], expect.any(Array)]);
    expect((await scorePieces('what is it', [rules]))[0]!.every(({ score }) => score === 0)).toBe(true);
  });
});

describe('choosePieces', () => {
  const piece = (score: number, header?: number): Piece => ({ start: 0, end: 0, text: '', score, header });

  it('takes everything where everything fits', () => {
    expect(choosePieces([piece(0), piece(1)], [5, 5], 10)).toEqual([0, 1]);
  });

  it('takes the best within the room and gives them in reading order', () => {
    expect(choosePieces([piece(1), piece(0), piece(3), piece(2)], [4, 4, 4, 4], 9)).toEqual([2, 3]);
  });

  it('passes over what does not fit for a smaller one behind it', () => {
    expect(choosePieces([piece(3), piece(2), piece(1)], [4, 9, 3], 8)).toEqual([0, 2]);
  });

  it('takes a table row together with its header, which counts once', () => {
    expect(choosePieces([piece(0), piece(0, 0), piece(3, 0), piece(2, 0)], [3, 3, 3, 3], 9)).toEqual([0, 2, 3]);
    expect(choosePieces([piece(0), piece(1), piece(3), piece(2, 0)], [3, 3, 3, 3], 7)).toEqual([1, 2]);
  });

  it('takes the best piece whatever it costs, and pieces of equal score by their place', () => {
    expect(choosePieces([piece(1), piece(2)], [50, 60], 10)).toEqual([1]);
    expect(choosePieces([piece(1), piece(1), piece(1)], [4, 4, 4], 8)).toEqual([0, 1]);
  });
});

describe('joinPieces', async () => {
  const [pieces = []] = await scorePieces('x', [rules]);

  it('keeps the text between neighbours and marks what is left out', () => {
    expect(joinPieces(rules, pieces, [0, 1, 2])).toBe(rules);
    expect(joinPieces(rules, pieces, [0, 2])).toBe('Dogs travel free.\n…\nPrams stand in the guard van.');
    expect(joinPieces(rules, pieces, [])).toBe('');
  });
});
