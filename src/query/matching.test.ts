import { describe, expect, it } from 'vitest';
import { contentWords, everyWordOf, missingNames, namesIn, sentencesOf } from './matching.ts';

it('takes German words in all their spellings for the same', () => {
  const words = contentWords('Wie hoch ist die Fußgängerbrücke über der Straße?', 'de');
  expect(contentWords('Wie hoch ist die Fussgaengerbruecke ueber der Strasse?', 'de')).toEqual(words);
});

describe('namesIn', () => {
  it.each([
    ['Who insured the depot of Kestrel in 2023?', 'en', ['Kestrel']],
    ['What is the U.S. population?', 'en', ['U.S']],
    ["Who paid O'Brien's fee for B25?", 'en', ["O'Brien's", 'B25']],
    ['When may I come, and with IT?', 'en', ['IT']],
    ['Wann ist die Miete der GmbH & Co. KG für Raum B25 fällig?', 'de', ['KG', 'B25']],
  ])('%s (%s)', (question, language, names) => {
    expect([...namesIn(question, language).keys()]).toEqual(names);
  });

  it.each([
    ['What is the U.S. population?', 'The U.S. has grown.', []],
    ['What is the US population?', 'The U.S. has grown.', []],
    ['What is the U.S. population?', 'The US has grown.', []],
    ["Who is O'Brien's heir?", 'O’Brien left nothing.', []],
    ['Who sent waves across the Atlantic?', 'a transatlantic signal', []],
    ['Who leads the EU and the USA?', 'The European Union; the United States of America.', []],
    ['Who leads the UN?', 'the united nations, Under all. New members', ['UN']],
    ['What is an Indian school called?', 'Schools in India', []],
    ['What is an Indiana school called?', 'Schools in Indo-China', ['Indiana']],
    ['Who runs Node.js at Kestrel?', 'Node.js runs.', ['Kestrel']],
  ])('%s: missing in "%s"', (question, text, missing) => {
    expect(missingNames(namesIn(question, 'en'), everyWordOf(text))).toEqual(missing);
  });
});

describe('sentencesOf', () => {
  const texts = (text: string) => sentencesOf(text).map((sentence) => sentence.text);

  it('ends none at initials and titles', () => {
    expect(texts('J. K. Rowling met Dr. Smith in the U.S. Navy. They left.')).toEqual([
      'J. K. Rowling met Dr. Smith in the U.S. Navy.',
      'They left.',
    ]);
  });

  it('gives ranges of sentences and lines', () => {
    const text = '  One ends. Two\nthree.\n\nB.\nFour.';
    expect(sentencesOf(text).map(({ start, end }) => text.slice(start, end))).toEqual(['One ends.', 'Two', 'three.', 'B.', 'Four.']);
  });
});
