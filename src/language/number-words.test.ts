import { describe, expect, it } from 'vitest';
import { numbersAsSpelled, spelledNumbersIn } from './number-words.ts';

describe('spelledNumbersIn', () => {
  it.each([
    ['en', 'There are two extended metropolitan areas.', ['2']],
    ['en', 'six to nine percent', ['6', '9']],
    ['en', 'Twenty-four players and one hundred and seventy-two coaches', ['24', '172']],
    ['en', 'two thousand and six people, three hundred thousand trees', ['2006', '300000']],
    ['en', 'won it twice; a dozen eggs', ['2', '12']],
    ['en', 'one, two and three', ['1', '2', '3']],
    ['en', 'hundreds of thousands', []],
    ['en', 'the sixth, someone and tension', []],
    ['de', 'zweiundvierzig Wagen, dreißig Gleise und zwei hundert Plätze', ['42', '30', '200']],
    ['de', 'einunddreissig Wagen, fuenf Gleise und zwoelf Plaetze', ['31', '5', '12']],
    ['fr', 'quatre-vingt-dix-neuf, soixante et onze, vingt et un, quatre-vingts', ['99', '71', '21', '80']],
    ['fr', 'deux cents places', ['200']],
    ['es', 'treinta y uno, veintidós y dos mil', ['31', '22', '2000']],
    [undefined, 'nine nations', ['9']],
    ['ja', 'nine nations', []],
  ])('%s: %s', (language, text, values) => {
    expect(spelledNumbersIn(text, language).map(({ value }) => value)).toEqual(values);
  });

  it('tells where they stand', () => {
    const text = 'Die Züge: DREISSIG, dreißig, zwei hundert.';
    expect(spelledNumbersIn(text, 'de').map(({ start, end }) => text.slice(start, end))).toEqual(['DREISSIG', 'dreißig', 'zwei hundert']);
  });
});

describe('numbersAsSpelled', () => {
  it.each([
    ['2', 'There are two areas.', 'two'],
    ['6 to 9 percent', 'It is six to Nine percent.', 'six to Nine percent'],
    ['24 trains, 3 lines', 'Twenty-four trains on 3 lines, three of them new', 'Twenty-four trains, 3 lines'],
    ['2', 'There are 2, or two.', '2'],
    ['2.5', 'two or three', '2.5'],
    ['Paris', 'two', 'Paris'],
    ['19th century', 'It was the nineteenth century.', 'nineteenth century'],
    ['the 21st and 40th', 'The Twenty-first came before the fortieth.', 'the Twenty-first and fortieth'],
    ['19th century', 'There were nineteen of them.', '19th century'],
    ['1st', 'the twenty-first', '1st'],
    ['7:30th', 'the last day', '7:30th'],
    ['2nd, 100th, 0th', 'the second of a hundred', 'second, 100th, 0th'],
  ])('%s from "%s": %s', (statement, source, expected) => {
    expect(numbersAsSpelled(statement, source, 'en')).toBe(expected);
  });
});
