import { describe, expect, it } from 'vitest';
import { containsExpected } from './holds-text.ts';

describe('containsExpected', () => {
  it('wants the words in order and whole', () => {
    expect(containsExpected('At 72 km/h the traffic stops [1].', ['80 km/h', '72 km/h'])).toBe(true);
    expect(containsExpected('It costs 1320 crowns', ['132'])).toBe(false);
    expect(containsExpected('hour 72', ['72 hour'])).toBe(false);
    expect(containsExpected('anything', ['the'])).toBe(false);
    expect(containsExpected('比赛在2016年2月7日举行', ['2016年2月7日'], 'zh')).toBe(true);
  });

  it.each([
    ['It costs 4.5 euros.', '4.50 euros', true],
    ['It costs 450 euros.', '4.50 euros', false],
    ['Es kostet 1.250,50 Euro.', '1,250.50', true],
    ['It opens at 7:30.', '7:30', true],
    ['Room 730.', '7:30', false],
    ['It was -5 °C.', '-5 °C', true],
    ['It was −5 °C.', '-5 °C', true],
    ['It was 5 °C.', '-5 °C', false],
    ['It is of grade A [1].', 'A', true],
    ['It is a grade.', 'A', false],
    ['It is of grade AB.', 'A', false],
    ['It costs $5.', '$', true],
    ['It costs 5 euros.', '$', false],
    ['“-5 °C is the least” [1]', '-5 °C', true],
    ['the least (-5 °C)', '-5 °C', true],
    ['the least »−5 °C«', '-5 °C', true],
    ['the least "-5 °C"', '5 °C', false],
    ['item (a)-5', '5', true],
    ['from 2-5 days', '-5 days', false],
    ['after 1–2 months', '12 months', false],
    ['after 12 months', '12 months', true],
    ['13200', '132.00', false],
    ['It is the 5th of them.', '5', false],
    ['It is the 5th of them.', '5th', true],
    ['the B25 bus', 'B25', true],
    ['the B25 bus', 'B2', false],
    ['the B25 bus', '25', false],
    ['January 7 2012', 'January 7, 2012', true],
    ['It said “yes”, on March 31 2023', '2023', true],
  ])('%s: "%s" %s', (text, expected, holds) => {
    expect(containsExpected(text, [expected])).toBe(holds);
  });
});
