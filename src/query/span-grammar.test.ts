import { describe, expect, it } from 'vitest';
import { readGbnf } from '../../test/support/gbnf.ts';
import { createSeededRandom } from '../util/random.ts';
import { spanGrammar } from './span-grammar.ts';

const text = 'The "Big" dog, (aged 12.5%)\n  ran\\fast. It won.';

describe('spanGrammar', () => {
  const grammar = readGbnf(spanGrammar(text) ?? '');

  it.each(['Big', 'The "Big" dog', 'dog, (aged 12.5%) ran\\fast', 'It won', 'won', 'ran\\fast. It'])('holds "%s"', (span) => {
    expect(grammar.matches(span)).toBe(true);
  });

  it.each(['', 'ig', 'The Big', 'dog,', 'aged 12.5% ran', 'It won.', 'won It', 'the', ' dog', 'not in the documents'])(
    'does not hold "%s"',
    (other) => {
      expect(grammar.matches(other)).toBe(false);
    },
  );

  it('ends a word at a bracket, and takes no sign for one', () => {
    const footnoted = readGbnf(spanGrammar('It carries 48 passengers[1] daily | by day') ?? '');
    expect(['48 passengers', '48 passengers[1]', '48 passengers[1] daily', 'daily | by day'].every(footnoted.matches)).toBe(true);
    expect(['|', '| by'].some(footnoted.matches)).toBe(false);
  });

  it('closes the brackets that it opens, and none else', () => {
    const bracketed = readGbnf(spanGrammar('The passenger(s) of cabin 9 (two beds (of oak), a bath) [sic] pay 4 EUR.') ?? '');
    const whole = [
      'passenger',
      'passenger(s)',
      'passenger(s) of cabin',
      's',
      'two beds',
      'oak',
      '9 (two beds (of oak), a bath) [sic] pay 4',
    ];
    expect(whole.filter((span) => !bracketed.matches(span))).toEqual([]);
    const broken = ['passenger(s', 's) of', '9 (two beds', '9 (two beds (of oak)', 'bath) [sic', 'bath) [sic]'];
    expect(broken.filter(bracketed.matches)).toEqual([]);
  });

  it('takes no brackets for a pair that have no partner, or a far one', () => {
    const listed = readGbnf(spanGrammar('a) milk, b) tea (green') ?? '');
    expect(['milk, b) tea', 'tea (green'].every(listed.matches)).toBe(true);
    const far = readGbnf(spanGrammar(`tea (green ${'and black '.repeat(25)}) milk`) ?? '');
    expect(far.matches('tea (green and')).toBe(true);
  });

  it('writes nothing but what stands in the text', () => {
    const random = createSeededRandom(7);
    const plain = text.replaceAll(/\s+/g, ' ');
    for (let time = 0; time < 100; time++) expect(plain).toContain(grammar.sentence(random.float));
  });

  it('takes writing without spaces by characters', () => {
    const chinese = readGbnf(spanGrammar('渡轮可载48名乘客。') ?? '');
    expect(['48名乘客', '渡轮', '乘'].map(chinese.matches)).toEqual([true, true, true]);
    expect(['渡乘', '乘客。'].map(chinese.matches)).toEqual([false, false]);
  });

  it('is none for a text without words, and for one that the inference library would not take', () => {
    expect(spanGrammar(' … ')).toBeUndefined();
    expect(spanGrammar('word '.repeat(2_000))).toBeUndefined();
  });
});
