import { describe, expect, it } from 'vitest';
import type { GroundPassage } from './grounding.ts';
import { contentWords } from './matching.ts';
import { type Evidence, mayState, verify } from './verify.ts';

const passage = {
  title: 'Handbook',
  headingPath: ['Staff'],
  tableHeader: null,
  text: 'A train attendant of the Varnholt line checks tickets and earns 31 crowns an hour. The depot opens at 5:30.',
};
const sure = { meanLogProbability: -0.05, refusalLogProbability: -9 };
const check = ({ passage: read = passage, ...changes }: Partial<Evidence> & { passage?: GroundPassage }) =>
  verify({
    question: 'How much does a train attendant earn an hour?',
    language: 'en',
    passages: [read],
    answer: '31 crowns',
    hits: [contentWords(passage.text)],
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

  it('reads numbers that the passage spells out', () => {
    const spelled = { ...passage, text: 'The line has twenty-four trains and runs six to nine of them on Sundays.' };
    const asked = { passage: spelled, question: 'How many trains does the line have?' };
    expect(check({ ...asked, answer: '24' })).toMatchObject({ supported: true, doubts: [] });
    expect(check({ ...asked, answer: '6 to 9' }).supported).toBe(true);
    expect(check({ ...asked, answer: '25' })).toMatchObject({ supported: false, confidence: 0 });
  });

  it('rejects what the model doubted itself', () => {
    const question = 'What bonus does a train attendant earn at night?';
    const doubted = { meanLogProbability: -1.2, refusalLogProbability: -0.7 };
    expect(check({ question, ...doubted }).supported).toBe(false);
    expect(check({ question }).supported).toBe(true);
    expect(check(doubted).confidence).toBeLessThan(check({}).confidence);
  });

  it('gives what is as likely as the pipeline wants, and never what cannot be', () => {
    const question = 'What bonus does a train attendant earn at night?';
    const doubted = { question, meanLogProbability: -1.2, refusalLogProbability: -0.7 };
    const { confidence } = check(doubted);
    expect(check({ ...doubted, leastConfidence: confidence }).supported).toBe(true);
    expect(check({ ...doubted, leastConfidence: confidence + 0.01 })).toMatchObject({ supported: false, confidence });
    expect(check({ leastConfidence: 1 }).supported).toBe(false);
    expect(check({ answer: '35 crowns', leastConfidence: 0 })).toMatchObject({ supported: false, confidence: 0 });
  });

  it('wants more of a passage that does not rank first', () => {
    expect(check({ askedBefore: 1 }).confidence).toBeLessThan(check({}).confidence);
    expect(check({ askedBefore: 2 }).supported).toBe(true);
  });

  it('rejects an answer about something else, however sure the model was, and says what the passage does not name', () => {
    const question = 'Who insured the depot of Kestrel against fire?';
    const other = { supported: false, confidence: 0, doubts: [expect.stringContaining('Kestrel')] };
    expect(check({ question, answer: '5:30' })).toMatchObject(other);
    expect(check({ question, answer: '5:30', meanLogProbability: -0.01, refusalLogProbability: -20 })).toMatchObject(other);
    expect(check({ question, answer: '5:30', meanLogProbability: undefined, refusalLogProbability: undefined })).toMatchObject(other);
  });

  it('rejects what is said of another year, or of another thing with a number', () => {
    const revenue = { ...passage, text: 'In 2022 the revenue of Apple was $82,959 million. Hall B25 was closed.' };
    const asked = (question: string) => check({ passage: revenue, question, answer: '$82,959 million' });
    expect(asked('What was the revenue of Apple in 2022?').supported).toBe(true);
    expect(asked('What was the revenue of Apple in 2023?')).toMatchObject({ confidence: 0, doubts: [expect.stringContaining('2023')] });
    expect(asked('What was the revenue of Apple in hall B26?')).toMatchObject({ confidence: 0, doubts: [expect.stringContaining('B26')] });
    const titled = { ...revenue, title: 'Report 2023' };
    expect(check({ passage: titled, question: 'What was the revenue of Apple in 2023?', answer: '$82,959 million' }).supported).toBe(true);
    const undated = { ...revenue, text: 'The revenue of Apple was $82,959 million.' };
    expect(check({ passage: undated, question: 'What was the revenue of Apple in 2023?', answer: '$82,959 million' }).supported).toBe(true);
  });

  it('rejects an invented name, unit or sentence, and takes what stands in one of several passages', () => {
    for (const answer of ['31 euros', 'John of Varnholt', '31 crowns. The captain lives in Lisbon.']) {
      expect(check({ answer })).toMatchObject({ supported: false, confidence: 0 });
    }
    const two = [passage, { ...passage, text: 'A ticket costs 4.50 crowns.' }];
    expect(check({ passages: two, answer: '31 crowns. A ticket costs 4.50 crowns.' })).toMatchObject({ supported: true });
  });

  it('takes no noun for a name where the language writes them alike', () => {
    const german = { ...passage, text: 'Die Mieten sind am 3. des Monats zu zahlen.' };
    const asked = { passage: german, language: 'de', question: 'Wann ist die Miete fällig?', answer: 'am 3. des Monats', hits: [] };
    expect(check(asked)).toMatchObject({ supported: true, doubts: [] });
  });

  it('reads names beside writing without spaces', () => {
    const chinese = { title: null, headingPath: [], tableHeader: null, text: 'Kestrel Ferry于1998年10月1日推出，使用卫星Astra 2A。' };
    const asked = { passage: chinese, language: 'zh', question: 'Kestrel Ferry是什么时候推出的？', answer: '1998年10月1日', hits: [] };
    expect(check(asked)).toMatchObject({ supported: true, doubts: [] });
    expect(check({ ...asked, question: '渡船Osprey是什么时候推出的？' }).doubts).toEqual(['the passage names none of Osprey']);
  });

  it('weighs a word that no hit holds more than one that all hold', () => {
    const hits = [passage.text, 'Train and attendant.', 'The train attendant sells tickets.'].map((text) => contentWords(text));
    const question = 'What is the hourly wage of a train attendant?';
    const told = { question, answer: '5:30', meanLogProbability: -0.9, refusalLogProbability: -1.5 };
    expect(check({ ...told, hits }).confidence).toBeLessThan(check({ ...told, hits: [] }).confidence);
    expect(check({ ...told, hits }).supported).toBe(false);
  });

  it('takes names and words where they stand in title and headings', () => {
    expect(check({ question: 'According to the Handbook of the staff, how much does a train attendant earn?' }).doubts).toEqual([]);
  });
});

describe('mayState', () => {
  const asked = { question: 'How much does a train attendant earn an hour?', language: 'en', passages: [passage], hits: [] };

  it('holds for a passage about the question, also where the model would rather refuse', () => {
    expect(mayState({ ...asked, refusalLogProbability: -9 })).toBe(true);
    expect(mayState({ ...asked, refusalLogProbability: -0.5 })).toBe(true);
    expect(mayState({ ...asked, refusalLogProbability: -0.5, leastConfidence: 0.999 })).toBe(false);
  });

  it('does not hold for another subject, another name or year, and where nothing is told of refusing', () => {
    const told = { ...asked, refusalLogProbability: -1 };
    expect(mayState({ ...told, question: 'Why were the wooden bridges painted yellow again?' })).toBe(false);
    expect(mayState({ ...told, question: 'How much does a train attendant of Kestrel earn an hour?' })).toBe(false);
    expect(
      mayState({ ...told, passages: [{ ...passage, text: `${passage.text} 2022.` }], question: `${asked.question.slice(0, -1)} in 2023?` }),
    ).toBe(false);
    expect(mayState({ ...asked, refusalLogProbability: undefined })).toBe(false);
  });
});
