import { describe, expect, it } from 'vitest';
import { groundOf, standingOf } from './grounding.ts';

const text =
  'Mary Smith joined the U.S. office in May. Attendants earn 31 crowns an hour. The planned line opens at 7:30 for The Who. ' +
  'Dogs may travel free of charge on the ferry. Bicycles are not allowed in the workshop.';
const ground = groundOf({ title: 'Handbook', headingPath: ['Staff'], tableHeader: null, text }, 'en');
const standing = (statement: string, question = 'What?') => standingOf(statement, ground, { question, language: 'en' });

describe('standingOf', () => {
  it.each([
    ['31 crowns', true],
    ['31 crowns an hour.', true],
    ['31 euros', false],
    ['€31', false],
    ['31', true],
    ['30 crowns', false],
    ['Mary Smith', true],
    ['John Smith', false],
    ['Ann', false],
    ['planned', true],
    ['U.S.', true],
    ['US', false],
    ['May', true],
    ['The Who', true],
    ['THE WHO', false],
    ['The captain lives in Lisbon.', false],
    ['Attendants of the Handbook earn 31 crowns', true],
    ['free of charge', true],
  ])('"%s": %s', (statement, stands) => {
    expect(standing(statement).share > 0).toBe(stands);
    expect(standing(statement).doubt === undefined).toBe(stands);
  });

  it('takes words of the question for nothing new, and wants the others', () => {
    expect(standing('The hourly wage is 31 crowns', 'What is the hourly wage?').share).toBe(1);
    expect(standing('The hourly wage is 31 pounds', 'What is the hourly wage?').share).toBe(0);
  });

  it.each([
    ['Yes', 'Do dogs travel free of charge on the ferry?', 'Dogs may travel free of charge on the ferry.'],
    ['No.', 'Do dogs travel free of charge on the ferry?', undefined],
    ['No', 'Are bicycles allowed in the workshop?', 'Bicycles are not allowed in the workshop.'],
    ['Yes', 'Are bicycles allowed in the workshop?', undefined],
    ['Yes', 'Are cats allowed in the cabin?', undefined],
    ['No', 'Who are allowed in the workshop?', undefined],
  ])('"%s" to "%s": %s', (statement, question, sentence) => {
    expect(standing(statement, question).sentence).toBe(sentence);
    expect(standing(statement, question).share).toBe(sentence === undefined ? 0 : 1);
  });

  it('looks at what follows a yes', () => {
    const question = 'Do dogs pay?';
    expect(standing('No, dogs travel free of charge.', question).share).toBeGreaterThan(0);
    expect(standing('Yes, dogs pay 31 euros.', question).share).toBe(0);
  });
});
