import { describe, expect, it } from 'vitest';
import type { Hit } from '../spec/answers.ts';
import { bestSentence, checkAnswer, isRefusal, supportingSentences } from './cite.ts';
import { sentencesOf } from './matching.ts';
import { quoteAnswer } from './quotes.ts';

function hit(text: string, title = 'Handbook', rank = 1): Hit {
  return {
    rank,
    score: 1,
    document: 'd',
    source: '/handbook.md',
    title,
    metadata: {},
    page: 1,
    pageLabel: null,
    pageKind: null,
    start: 0,
    end: text.length,
    headingPath: [],
    tableHeader: null,
    text,
    chunk: 1,
    ranks: {},
  };
}

const hits = [hit('The ferry carries 48 passengers. Dogs travel free.'), hit('The workshop opens at 7:30 on weekdays.', 'Handbook', 2)];

describe('checkAnswer', () => {
  it('keeps a marker whose passage supports the sentence', () => {
    const checked = checkAnswer('The ferry carries 48 passengers [1].', hits);
    expect(checked).toMatchObject({ text: 'The ferry carries 48 passengers [1].', abstained: false, unsupported: [] });
    expect(checked.uses.map(({ passage }) => passage)).toEqual([0]);
  });

  it('moves a wrong marker to the passage that supports the sentence', () => {
    expect(checkAnswer('The workshop opens at 7:30 on weekdays [1].', hits).text).toBe('The workshop opens at 7:30 on weekdays [2].');
  });

  it('adds a missing marker and drops one that names no passage', () => {
    expect(checkAnswer('Dogs travel free [9].', hits).text).toBe('Dogs travel free [1].');
  });

  it('marks a sentence whose number stands in no passage', () => {
    const checked = checkAnswer('The ferry carries 60 passengers [1].', hits);
    expect(checked.unsupported).toEqual(['The ferry carries 60 passengers.']);
    expect(checked.text).not.toContain('[1]');
  });

  it('takes a marker after the full stop as part of the sentence', () => {
    expect(checkAnswer('Dogs travel free. [1]', hits)).toMatchObject({ text: 'Dogs travel free [1].', unsupported: [] });
  });

  it('recognises refusals and nothing else as such', () => {
    expect(isRefusal('Not in the documents.')).toBe(true);
    expect(isRefusal('The passages do not state the price. [2]')).toBe(true);
    expect(isRefusal('The fare is 4.50. Refunds are not in the documents.')).toBe(false);
    expect(checkAnswer('Not in the documents', hits)).toMatchObject({ abstained: true, uses: [] });
  });
});

describe('checkAnswer of a short phrase', () => {
  it('attributes it to the passage that also holds the question', () => {
    const both = [hit('48 dogs live here.'), hit('The ferry carries 48 passengers.', 'Handbook', 2)];
    expect(checkAnswer('48', both, { question: 'How many passengers does the ferry carry?' }).text).toBe('48 [2]');
  });

  it('takes refusals in any language, and gives them in that of the question', () => {
    expect(checkAnswer('Nicht in den Dokumenten.', hits, { language: 'fr' })).toMatchObject({
      abstained: true,
      text: 'Pas dans les documents.',
    });
  });

  it('works on writing without spaces', () => {
    const passage = [hit('本协议的年利率为百分之五。租金每月支付。')];
    expect(checkAnswer('百分之五', passage, { question: '年利率是多少？', language: 'zh' })).toMatchObject({
      text: '百分之五 [1]',
      unsupported: [],
    });
  });
});

describe('checkAnswer of what has few words of its own', () => {
  it('cites the sentence that says yes or no', () => {
    const checked = checkAnswer('Yes', hits, { question: 'Do dogs travel free?', language: 'en' });
    expect(checked).toMatchObject({ text: 'Yes [1]', uses: [{ passage: 0, sentence: 'Dogs travel free.' }], unsupported: [] });
    expect(checkAnswer('No', hits, { question: 'Do dogs travel free?' })).toMatchObject({ uses: [], unsupported: ['No'] });
  });

  it('finds function words as they are written', () => {
    const passage = [hit('The bus stops at the US embassy.')];
    expect(checkAnswer('US', passage, { question: 'Which embassy?' })).toMatchObject({ text: 'US [1]', unsupported: [] });
    expect(checkAnswer('IT', passage, { question: 'Which embassy?' }).unsupported).toEqual(['IT']);
  });

  it('keeps initials together, and brackets that are no markers', () => {
    const passage = [hit('J. K. Rowling won [2019] UKSC 12 with items[0].')];
    expect(checkAnswer('J. K. Rowling', passage).text).toBe('J. K. Rowling [1]');
    expect(checkAnswer('[2019] UKSC 12', passage).text).toBe('[2019] UKSC 12 [1]');
    expect(checkAnswer('items[0]', passage).text).toBe('items[0] [1]');
    expect(checkAnswer('items[1]', [hit('The first is items[1].')]).text).toBe('“items[1]” [1]');
    expect(checkAnswer('items[1]', [hit('The first of the items.')]).text).toBe('items [1]');
    expect(checkAnswer('items [1]', [hit('The first is items[1].')]).text).toBe('items [1]');
  });

  describe('over a passage that has numbers in brackets of its own', () => {
    const tower =
      'The tower was completed in 1889.[1] It stands 330 metres tall[2] and weighs 10,100 tonnes.[3] Smith [2] measured it in 1990.';
    const passages = [hit(tower), hit('Bridges are measured as well.'), hit('A third one.')];
    it.each([
      ['a footnote behind the sentence', 'The tower was completed in 1889.[1]', 'The tower was completed in 1889 [1].'],
      ['a copy with one inside', 'It stands 330 metres tall[2].', '“It stands 330 metres tall[2].” [1]'],
      ['a copy with one inside and a marker', '330 metres tall[2] [1].', '“330 metres tall[2].” [1]'],
      [
        'a copy that leaves them out',
        'It stands 330 metres tall and weighs 10,100 tonnes.',
        'It stands 330 metres tall and weighs 10,100 tonnes [1].',
      ],
      ['one with a space before it', 'Smith [2] measured it in 1990.', '“Smith [2] measured it in 1990.” [1]'],
      ['words of its own', 'The tower, 330 metres tall[2], weighs 10,100 tonnes.', 'The tower, 330 metres tall, weighs 10,100 tonnes [1].'],
      ['a marker that stands nowhere there', 'Smith [1] measured it in 1990.', 'Smith measured it in 1990 [1].'],
    ])('%s is attributed once, and told from a citation', (_what, written, shown) => {
      const checked = checkAnswer(written, passages);
      expect(checked).toMatchObject({ text: shown, unsupported: [] });
      expect(checked.uses.map(({ passage }) => passage)).toEqual([0]);
    });

    it('two sentences with footnotes are two, and each quote is the sentence of the record', async () => {
      const checked = checkAnswer(
        'The tower was completed in 1889.[1] It stands 330 metres tall[2] and weighs 10,100 tonnes.[3]',
        passages,
      );
      expect(checked.text).toBe('The tower was completed in 1889 [1]. “It stands 330 metres tall[2] and weighs 10,100 tonnes.” [1]');
      expect(checked.uses.map(({ sentence }) => sentence)).toEqual([
        'The tower was completed in 1889.',
        'It stands 330 metres tall[2] and weighs 10,100 tonnes.',
      ]);
      expect(checked.uses.map(({ sentence }) => bestSentence(tower, { claim: sentence, question: '', language: 'en' }))).toEqual([
        expect.objectContaining({ start: 0, end: 35 }),
        expect.objectContaining({ start: 36, end: 93 }),
      ]);
      expect(sentencesOf(tower).map(({ text }) => text)).toEqual([
        'The tower was completed in 1889.[1]',
        'It stands 330 metres tall[2] and weighs 10,100 tonnes.[3]',
        'Smith [2] measured it in 1990.',
      ]);
    });

    it('a word of code that is no copy of a sentence keeps its number in quotation marks', () => {
      const code = [hit('The first is items[1] and the next array[0][2].')];
      expect(checkAnswer('First items[1], next array[0][2].', code).text).toBe('First “items[1]”, next “array[0][2]” [1].');
    });

    it('quotes end where their sentences do', () => {
      expect(quoteAnswer('How tall is the tower, and how many tonnes does it weigh?', passages, { limit: 1 }).text).toBe(
        '“It stands 330 metres tall[2] and weighs 10,100 tonnes.[3]” [1]',
      );
    });
  });

  it('leaves out what no passage supports where that is asked for', () => {
    const text = 'The captain lives in Lisbon. Dogs travel free. It was painted by Ann.';
    expect(checkAnswer(text, hits, { drop: true })).toMatchObject({
      text: 'Dogs travel free [1].',
      unsupported: ['The captain lives in Lisbon.', 'It was painted by Ann.'],
      supported: ['Dogs travel free.'],
    });
  });
});

describe('bestSentence', () => {
  it('prefers the sentence that holds the claim word for word, and of several the one nearest to the question', () => {
    const text = 'In 1999 it was built. The ferry was sold in 1999. It was painted red.';
    const { start, end } = bestSentence(text, { claim: '1999', question: 'When was the ferry sold?', language: 'en' });
    expect(text.slice(start, end)).toBe('The ferry was sold in 1999.');
  });

  it('gives the range of the sentence that holds the claim', () => {
    const text = 'The ferry carries 48 passengers. Dogs travel free.';
    const { start, end } = bestSentence(text, { claim: 'Dogs are free', question: '', language: 'en' });
    expect(text.slice(start, end)).toBe('Dogs travel free.');
  });
});

describe('supportingSentences', () => {
  const cited = (text: string, claim: string, question: string) =>
    supportingSentences(text, { claim, question, language: 'en' }).map(({ start, end }) => text.slice(start, end));
  const wind = 'Traffic above Stonefold stops at gusts of 72 km/h. Rain is no reason to stop. The whole line stops at 94 km/h.';

  it('are all that hold the numbers of the claim', () => {
    expect(cited(wind, '72 km/h, 94 km/h', 'At what gusts does traffic stop?')).toEqual([
      'Traffic above Stonefold stops at gusts of 72 km/h.',
      'The whole line stops at 94 km/h.',
    ]);
  });

  it('show where a number comes from that the sentence about the claim does not hold', () => {
    const stations = 'Station 17 was opened in 1917. It has a stove. Station 19 was opened in 1919.';
    expect(cited(stations, 'Station 17 was opened in 1919', 'When was station 17 opened?')).toEqual([
      'Station 17 was opened in 1917.',
      'Station 19 was opened in 1919.',
    ]);
  });

  it.each(['Brown v. Board of Education', 'Jones et al. 1998', 'Rev. Paul Stall', 'Mt. Everest'])('have one marker for %s', (answer) => {
    const { text, uses } = checkAnswer(answer, [hit(`It was told of by ${answer} in a long story.`)], {
      question: 'What told of it?',
      language: 'en',
    });
    expect([text, uses.length]).toEqual([`${answer} [1]`, 1]);
  });

  it('are one for a German date, whose answer has one marker', () => {
    const german = 'Am 8. Februar 2007 gab der Sender die Absicht bekannt. Die Gebühren betragen 30 Mio. Euro im Jahr.';
    const question = 'Wann gab der Sender die Absicht bekannt?';
    expect(checkAnswer('8. Februar 2007', [hit(german)], { question, language: 'de' }).text).toBe('8. Februar 2007 [1]');
    expect(cited(german, '8. Februar 2007', question)).toEqual(['Am 8. Februar 2007 gab der Sender die Absicht bekannt.']);
  });

  it('are those of numbers that the passage spells out, too', () => {
    const opening = 'Twenty-four dogs came. No one counted the cats. It opened in 1995.';
    expect(cited(opening, 'twenty-four dogs in 1995', 'Who came when?')).toEqual(['Twenty-four dogs came.', 'It opened in 1995.']);
    expect(cited(opening, 'It opened in 1995 for no one', 'When did it open?')).toEqual(['It opened in 1995.']);
  });

  it('are one where that holds them all, and where a number stands in none', () => {
    expect(cited(wind, '94 km/h', 'When does the whole line stop?')).toEqual(['The whole line stops at 94 km/h.']);
    expect(cited(wind, 'Rule 7: 94 km/h', 'When does the whole line stop?')).toEqual(['The whole line stops at 94 km/h.']);
  });
});

describe('quoteAnswer', () => {
  it('quotes verbatim and says where', () => {
    const quoted = quoteAnswer('How many passengers does the ferry carry?', hits);
    expect(quoted.text).toContain('“The ferry carries 48 passengers.” [1]');
    expect(quoted.abstained).toBe(false);
  });

  it('counts no function word of the language of the question', () => {
    const german = [hit('Die Brücke ist im Winter wie üblich gesperrt.')];
    const question = 'Wie hoch ist die Miete im ersten Jahr?';
    expect(quoteAnswer(question, german, { language: 'de' }).abstained).toBe(true);
  });

  it('takes no heading for an answer', () => {
    const headed = { ...hit('6.2 Lost property office\nLost property is kept for 45 days.'), headingPath: ['6.2 Lost property office'] };
    const quoted = quoteAnswer('How long is lost property kept?', [headed]);
    expect(quoted.text).toBe('“Lost property is kept for 45 days.” [1]');
  });

  it('abstains where a sentence holds the common words of the question only', () => {
    const several = [hit('Train attendants check tickets.'), hit('A train attendant sells tickets.'), hit('The train is red.')];
    expect(quoteAnswer('What is the hourly wage of a train attendant?', several).abstained).toBe(true);
    expect(quoteAnswer('Does a train attendant sell tickets?', several).text).toContain('“A train attendant sells tickets.” [2]');
  });

  it('takes one other word for what several hits say as no reason to abstain', () => {
    const several = ['carries 48 passengers', 'lands its passengers at noon', 'is late, and passengers wait'].map((what) =>
      hit(`The island ferry ${what}.`),
    );
    for (const question of ['How many passengers does the island ferry take?', 'When do passengers of the island ferry embark?']) {
      expect(quoteAnswer(question, several).abstained).toBe(false);
    }
  });

  it('abstains when nothing matches', () => {
    expect(quoteAnswer('Who painted the ceiling fresco?', hits).abstained).toBe(true);
    expect(quoteAnswer('What? And how?', hits).abstained).toBe(true);
  });
});
