import { describe, expect, it } from 'vitest';
import { numbersOf, standsAmong, valuesIn } from './numbers.ts';

describe('numbersOf', () => {
  it.each([
    ['$82,959 million', [['82959', '82.959']]],
    ['1,250.50 and 1.250,50 and 1250,5', [['1250.5'], ['1250.5'], ['1250.5']]],
    ['1,234,567', [['1234567']]],
    ["1'150 CHF, 41 600 kr", [['1150'], ['41600']]],
    ['2 100 000,50', [['2100000.5']]],
    ['3.5 % of 2031', [['3.5'], ['2031']]],
    ['In 2030 120 carriages', [['2030'], ['120']]],
    ['March 31 2023', [['31'], ['2023']]],
    ['2022 2023 117,154', [['2022'], ['2023'], ['117154', '117.154']]],
    [
      '100,000 200,000',
      [
        ['100000', '100'],
        ['200000', '200'],
      ],
    ],
    ['7:30 to 07:45', [['7:30'], ['7:45']]],
    ['on 03.10.2027', [['3.10.2027']]],
    ['１２ Uhr [3]', [['12']]],
    ['[2019] UKSC 12', [['2019'], ['12']]],
    [
      'Take .5 mg, .25 or (.75), p<.05, $.50, -.5 and １．５ ．５',
      [['0.5'], ['0.25'], ['0.75'], ['0.05'], ['0.5'], ['0.5'], ['1.5'], ['0.5']],
    ],
    ['.5', [['0.5']]],
    ['.500mg|.125|', [['0.5'], ['0.125']]],
    ['{"dose": ".5"}', [['0.5']]],
    ['v1.5, v.5, 1.2.3, .1.2', [['1.5'], ['5'], ['1.2.3'], ['1.2']]],
    ['...5, text.5, said".5 (see).6', [['5'], ['5'], ['5'], ['6']]],
    ['.7z, a.7z and .3gp', [['7'], ['7'], ['3']]],
    ['none', []],
  ])('%s', (text, values) => {
    expect(numbersOf(text).map(({ readings }) => readings)).toEqual(values);
  });

  it('tells where they stand', () => {
    const text = 'It costs 1,250.50 [1] or １２.';
    expect(numbersOf(text).map(({ start, end }) => text.slice(start, end))).toEqual(['1,250.50', '１２']);
  });
});

it('reads a long text in a time that grows with its length', () => {
  const long = 200_000;
  expect(numbersOf(` .${'1'.repeat(long)}.1`)).toHaveLength(1);
  expect(numbersOf(' .'.repeat(long))).toEqual([]);
  expect(numbersOf(' .1.1'.repeat(long / 4))).toHaveLength(long / 4);
});

describe('standsAmong', () => {
  const stands = (wanted: string, text: string): boolean => numbersOf(wanted).every((number) => standsAmong(number, valuesIn(text)));

  it.each([
    ['2023', 'March 31 2023', true],
    ['202', 'March 31 2023', false],
    ['2022', 'Revenue 2022 2023 117,154', true],
    ['3117154', 'Revenue 2022 2023 117,154', false],
    ['120', 'In 2030 120 carriages', true],
    ['41600', '41 600 kr', true],
    ['600', 'cells 41 600', true],
    ['41 600', 'cells 600 and 41', true],
    ['1.250,50', 'It is 1250.5.', true],
    ['4.50', '450', false],
    ['0.5 mg', 'Take .5 mg', true],
    ['.5 mg', 'Take 0.50 mg', true],
    ['5 mg', 'Take .5 mg', false],
    ['.5 mg', 'Take 5 mg', false],
    ['7:30', '730, 7 and 30', false],
    ['2027', 'on 03.10.2027', true],
    ['3.1.2027', 'on 3.10.2027', false],
  ])('%s in "%s": %s', (wanted, text, expected) => {
    expect(stands(wanted, text)).toBe(expected);
  });
});
