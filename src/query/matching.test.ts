import { describe, expect, it } from 'vitest';
import { contentWords, coverageByRarity, createRarity, everyWordOf, missingNames, namesIn, sentencesOf } from './matching.ts';

it('takes German words in all their spellings for the same', () => {
  const words = contentWords('Wie hoch ist die Fußgängerbrücke über der Straße?', 'de');
  expect(contentWords('Wie hoch ist die Fussgaengerbruecke ueber der Strasse?', 'de')).toEqual(words);
});

it('takes words that stand beside writing without spaces by themselves', () => {
  expect([...contentWords('当Ferry推出1913年', 'zh')]).toEqual(['当', 'ferry', '推出', '1913', '年']);
  expect(contentWords('Kestrel은', 'ko')).toContain('kestrel');
});

describe('namesIn', () => {
  it.each([
    ['Who insured the depot of Kestrel in 2023?', 'en', ['Kestrel']],
    ['What is the U.S. population?', 'en', ['U.S']],
    ["Who paid O'Brien's fee for B25?", 'en', ["O'Brien's", 'B25']],
    ['When may I come, and with IT?', 'en', ['IT']],
    ['当Kestrel Ferry推出时使用的是什么卫星？', 'zh', ['Kestrel', 'Ferry']],
    ['什么是565°C的蠕变极限?', 'zh', ['C']],
    ['그 Kestrel은 언제 열렸습니까?', 'ko', ['Kestrel']],
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
    ['谁乘HD和V＆A的船？', '渡船HD内容, V＆A在1913年', []],
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

  it('ends none at the full stop of a German ordinal number or of its abbreviations', () => {
    expect(
      texts(
        'Am 8. Februar 2007 kam er. Sie kam im 19. Jahrhundert, nach dem 2. Weltkrieg. Das kostet 30 Mio. Euro. Er wohnt in Nr. 8 (z. B. Anna). Danach kam sie.',
      ),
    ).toEqual([
      'Am 8. Februar 2007 kam er.',
      'Sie kam im 19. Jahrhundert, nach dem 2. Weltkrieg.',
      'Das kostet 30 Mio. Euro.',
      'Er wohnt in Nr. 8 (z. B. Anna).',
      'Danach kam sie.',
    ]);
    expect(texts('8. Februar 2007')).toEqual(['8. Februar 2007']);
    expect(texts('It was built in 12. In 1912. Later on page 8. Marches began. 3. Mainly.')).toEqual([
      'It was built in 12.',
      'In 1912.',
      'Later on page 8.',
      'Marches began.',
      '3.',
      'Mainly.',
    ]);
    expect(texts('It opened on 8.\nFebruar is German.')).toEqual(['It opened on 8.', 'Februar is German.']);
  });

  it('gives ranges of sentences and lines', () => {
    const text = '  One ends. Two\nthree.\n\nB.\nFour.';
    expect(sentencesOf(text).map(({ start, end }) => text.slice(start, end))).toEqual(['One ends.', 'Two', 'three.', 'B.', 'Four.']);
  });
});

describe('coverageByRarity', () => {
  const words = (from: number, to: number) => new Set(Array.from({ length: to - from }, (_, index) => `word${from + index}`));

  it('counts a word the more the fewer hits hold it', () => {
    const hits = [new Set(['mill', 'rye']), new Set(['mill'])];
    const asked = new Set(['mill', 'rye', 'ferry']);
    const [rye, mill, both] = [['rye'], ['mill'], ['mill', 'rye']].map((present) => coverageByRarity(asked, new Set(present), hits));
    expect(rye).toBeGreaterThan(mill ?? 1);
    expect(both).toBeCloseTo((rye ?? 0) + (mill ?? 0), 12);
    expect(coverageByRarity(new Set(), new Set(['mill']), hits)).toBe(1);
  });

  it.each([20, 300, 5_000])('is the same share of a question of %i words', (length) => {
    const hits = [words(0, 10), words(5, 15)];
    const share = createRarity(words(0, length), hits, { leastHolding: 1 });
    const rarity = (holding: number) => Math.log(1 + 3 / (0.5 + holding));
    const whole = 10 * rarity(1) + 5 * rarity(2) + (length - 15) * rarity(1);
    expect(share(words(8, 12))).toBeCloseTo((2 * rarity(2) + 2 * rarity(1)) / whole, 12);
    expect(share(words(length, length + 9))).toBe(0);
  });
});
