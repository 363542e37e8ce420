import { describe, expect, it } from 'vitest';
import { type Evidence, verify } from './verify.ts';

const passage = {
  title: 'Handbook',
  headingPath: ['Staff'],
  tableHeader: null,
  text: 'A train attendant of the Varnholt line checks tickets and earns 31 crowns an hour. The depot opens at 5:30.',
};
const sure = { meanLogProbability: -0.05, refusalLogProbability: -9 };
const check = (changes: Partial<Evidence>) =>
  verify({
    question: 'How much does a train attendant earn an hour?',
    language: 'en',
    passage,
    answer: '31 crowns',
    hits: [passage.text],
    ...sure,
    ...changes,
  });

describe('verify', () => {
  it('accepts what the passage states and the model was sure of', () => {
    expect(check({})).toMatchObject({ supported: true, doubts: [] });
    expect(check({ meanLogProbability: undefined, refusalLogProbability: undefined }).supported).toBe(true);
  });

  it('rejects a number that the passage does not hold, and words that are not its own', () => {
    expect(check({ answer: '35 crowns' })).toMatchObject({ supported: false, confidence: 0, doubts: [expect.stringContaining('35')] });
    expect(check({ answer: 'nobody knows anything' })).toMatchObject({ supported: false, confidence: 0 });
  });

  it('reads numbers that stand beside each other as themselves', () => {
    const dated = { passage: { ...passage, text: 'The lease of the depot ended on March 31 2023. In 2030 120 carriages stood there.' } };
    const when = { ...dated, question: 'When did the lease of the depot end?' };
    expect(check({ ...when, answer: '2023' })).toMatchObject({ supported: true, doubts: [] });
    expect(check({ ...when, answer: 'March 31, 2023' })).toMatchObject({ supported: true, doubts: [] });
    expect(check({ ...when, answer: '202' })).toMatchObject({ supported: false, confidence: 0 });
    expect(check({ ...dated, question: 'How many carriages stood in the depot in 2030?', answer: '120' }).supported).toBe(true);
  });

  it('rejects what the model doubted itself', () => {
    const doubted = check({ meanLogProbability: -0.8, refusalLogProbability: -2 });
    expect(doubted.supported).toBe(false);
    expect(doubted.confidence).toBeLessThan(check({}).confidence);
  });

  it('wants more of a passage that does not rank first', () => {
    expect(check({ askedBefore: 1 }).confidence).toBeLessThan(check({}).confidence);
    expect(check({ askedBefore: 2 }).supported).toBe(true);
  });

  it('rejects an answer about something else, and names what the passage does not', () => {
    const other = check({ question: 'Who insured the depot of Kestrel against fire?', answer: '5:30' });
    expect(other.confidence).toBeLessThan(check({}).confidence);
    const without = { meanLogProbability: undefined, refusalLogProbability: undefined };
    expect(check({ question: 'Who insured the depot of Kestrel against fire?', answer: '5:30', ...without })).toMatchObject({
      supported: false,
      doubts: [expect.stringContaining('kestrel')],
    });
  });

  it('weighs a word that no hit holds more than one that all hold', () => {
    const hits = [passage.text, 'Train and attendant.', 'The train attendant sells tickets.'];
    const question = 'What is the hourly wage of a train attendant?';
    const told = { question, answer: '5:30', meanLogProbability: -0.3, refusalLogProbability: -5 };
    expect(check({ ...told, hits }).confidence).toBeLessThan(check({ ...told, hits: [] }).confidence);
    expect(check({ ...told, hits }).supported).toBe(false);
  });

  it('takes names and words where they stand in title and headings', () => {
    expect(check({ question: 'According to the Handbook of the staff, how much does a train attendant earn?' }).doubts).toEqual([]);
  });
});
