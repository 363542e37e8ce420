import { afterEach, describe, expect, it } from 'vitest';
import { type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import { MillraceError } from '../errors.ts';
import type { Answer } from '../spec/answers.ts';
import type { GenerateRequest } from '../spec/engine.ts';

const sources = [
  { id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' },
  { id: 'workshop', text: 'The workshop opens at 7:30 on weekdays.' },
];

let bench: MillBench;
async function open(options: MillBenchOptions = {}): Promise<MillBench> {
  bench = await openMillBench({ sources, ...options });
  return bench;
}
afterEach(() => bench.close());

const answering = (text: string): MillBenchOptions => ({ generator: { answer: () => text } });
async function answerOf(options: MillBenchOptions, asked: string, askOptions = {}): Promise<Answer> {
  const { mill, drive } = await open(options);
  return drive(mill.ask(asked, askOptions).result());
}

describe('a question put to one passage after the other', () => {
  const told = (text: string) => (text.includes('workshop') ? 'at 7:30' : 'not in the documents');

  it('stops at the first that states the answer, and cites it by its rank', async () => {
    const asked: string[] = [];
    const { mill, drive } = await open({
      generator: {
        answer({ prompt }) {
          asked.push(prompt.messages[1]?.parts[0] ?? '');
          return told(prompt.messages[1]?.parts[0] ?? '');
        },
      },
    });
    const answer = await drive(mill.ask('When does the ferry workshop open on weekdays?').result());
    expect(asked).toHaveLength(answer.hits.findIndex(({ source }) => source === 'workshop') + 1);
    const rank = answer.hits.find(({ source }) => source === 'workshop')?.rank;
    expect(answer).toMatchObject({ answer: `at 7:30 [${rank}]`, abstained: false, citations: [{ number: rank, source: 'workshop' }] });
    expect(answer.confidence).toBeGreaterThan(0.5);
  });

  it('tells what other passages say, where they are asked at once', async () => {
    const pipeline = { context: { mode: 'each', atOnce: 3 } } as const;
    const both: MillBenchOptions = {
      sources: [
        { id: 'new', text: 'The new ferry carries 48 passengers.' },
        { id: 'old', text: 'The old ferry carries 30 passengers.' },
      ],
      generator: { answer: ({ prompt }) => (prompt.messages[1]?.parts[0]?.includes('old') === true ? '30' : '48') },
    };
    const { hits, answer, otherAnswers } = await answerOf(both, 'The ferry carries what passengers?', { pipeline });
    const isNew = hits[0]?.source === 'new';
    expect(answer).toMatch(isNew ? /^48/ : /^30/);
    expect(otherAnswers).toEqual([{ answer: isNew ? '30' : '48', agrees: false, rank: 2 }]);
  });

  it('leaves out a passage that the model does not hold, and fails where it holds none', async () => {
    const long: MillBenchOptions = {
      sources: [{ id: 'long', text: 'The ferry carries passengers.', title: 'Of the ferry '.repeat(150) }, ...sources],
      generator: { maxSequenceTokens: 400, answer: ({ prompt }) => (prompt.messages[1]?.parts[0]?.includes('48') === true ? '48' : 'no') },
    };
    const { answer, hits, doubts } = await answerOf(long, 'The ferry carries how many passengers?');
    expect([hits[0]?.source, answer]).toEqual(['long', '48 [2]']);
    expect(doubts).toEqual([]);
    const ranked = await bench.drive(
      bench.mill.ask('The ferry carries how many passengers?', { pipeline: { rerank: { by: 'model' } }, cache: false }).result(),
    );
    expect(ranked.answer).toContain('48');
    const alone = bench.mill.ask('The ferry carries how many passengers?', { limit: 1 }).result();
    await expect(bench.drive(alone)).rejects.toMatchObject({ code: 'E_CONTEXT_EXCEEDED' });
    await expect(bench.drive(bench.mill.ask('Why, ferry? '.repeat(200)).result())).rejects.toMatchObject({ code: 'E_CONTEXT_EXCEEDED' });
  });

  it('takes answers that differ in their stops for the same', async () => {
    const pipeline = { context: { mode: 'each', atOnce: 3 } } as const;
    const both: MillBenchOptions = {
      sources: [
        { id: 'new', text: 'The new ferry is not open to dogs.' },
        { id: 'old', text: 'The old ferry is not open to dogs.' },
      ],
      generator: { answer: ({ prompt }) => (prompt.messages[1]?.parts[0]?.includes('old') === true ? 'No.' : 'No') },
    };
    const { otherAnswers } = await answerOf(both, 'Is the ferry open to dogs?', { pipeline });
    expect(otherAnswers).toMatchObject([{ agrees: true, rank: 2 }]);
  });

  it('refuses in the language of the question when no passage states it', async () => {
    const refusing = answering('not in the documents');
    expect(await answerOf(refusing, 'Wie viele Menschen trägt die ferry?')).toMatchObject({
      abstained: true,
      answer: 'Nicht in den Dokumenten.',
      language: 'de',
      citations: [],
    });
  });

  it('does not give what the passage does not state: its words stand there, those of the question do not', async () => {
    const answer = await answerOf(answering('48 passengers'), 'What is the hourly wage of a stewardess in Reykjavik?');
    expect(answer).toMatchObject({ abstained: true, answer: 'Not in the documents.' });
    expect(answer.confidence).toBeLessThan(0.5);
  });

  describe('that the model refuses, or says in words of its own', () => {
    const asked = 'How many passengers does the ferry carry?';
    interface Told {
      readonly text?: string;
      readonly likelihood?: number;
      readonly prompt?: 'plain' | 'small';
    }
    const askedTwice = async (first: string, second: string | Error, told: Told = {}) => {
      const { text = sources[0]?.text ?? '', likelihood = -0.1, prompt = 'plain' } = told;
      const grammars: (string | undefined)[] = [];
      const answer = await answerOf(
        {
          sources: [{ id: 'ferry', text }],
          generator: {
            answer({ grammar }) {
              grammars.push(grammar);
              if (grammar === undefined) return first;
              if (typeof second !== 'string') throw second;
              return second;
            },
            weigh: () => [-2],
            likelihood: ({ grammar }) => (grammar === undefined ? -0.1 : likelihood),
          },
        },
        asked,
        { pipeline: { context: { passages: 1 }, generate: { prompt } } },
      );
      return { answer, times: grammars.length, grammar: grammars[1] };
    };

    it.each(['not in the documents', 'about 50 people', 'passengers: 48'])(
      'is asked for once more as words of the passage: "%s"',
      async (first) => {
        const { answer, times, grammar } = await askedTwice(first, '48 passengers');
        expect(times).toBe(2);
        expect(grammar).toContain('"passengers"');
        expect(answer).toMatchObject({ abstained: false, answer: '48 passengers [1]' });
      },
    );

    it('stays what it was where the words of the passage are no answer', async () => {
      const text = 'The ferry does not carry more than 48 passengers.';
      expect((await askedTwice('not in the documents', 'not carry', { text })).answer.abstained).toBe(false);
      expect((await askedTwice('not in the documents', 'not', { text })).answer.abstained).toBe(true);
      expect((await askedTwice('passengers: 48', '')).answer.answer).toBe('passengers: 48 [1]');
    });

    it('stays what it was where every word had to be forced', async () => {
      const forced = await askedTwice('not in the documents', 'free', { likelihood: -9 });
      expect(forced).toMatchObject({ times: 2, answer: { abstained: true } });
    });

    it('stays what it was where the engine takes no grammar', async () => {
      const none = new MillraceError('E_INPUT_INVALID', 'This engine takes no grammar.');
      expect((await askedTwice('not in the documents', none)).answer.abstained).toBe(true);
      expect((await askedTwice('passengers: 48', none)).answer.answer).toBe('passengers: 48 [1]');
    });

    it('is asked over the other passages first', async () => {
      const grammars: (string | undefined)[] = [];
      const both: MillBenchOptions = {
        sources: [
          {
            id: 'first',
            text: 'How many passengers the ferry may carry is a question of the weather. The ferry may carry passengers daily.',
          },
          { id: 'second', text: 'In calm weather 48 passengers go.' },
        ],
        generator: {
          answer({ prompt, grammar }) {
            grammars.push(grammar);
            return prompt.messages[1]?.parts[0]?.includes('calm') === true ? '48 passengers' : 'not in the documents';
          },
          weigh: ({ prompt }) => [prompt.messages[1]?.parts[0]?.includes('calm') === true ? -12 : -2],
        },
      };
      const answer = await answerOf(both, 'How many passengers may go in calm weather?');
      expect(answer).toMatchObject({ abstained: false, citations: [{ source: 'second' }] });
      expect(grammars.every((one) => one === undefined)).toBe(true);
    });

    it('is not asked for again of the smallest models', async () => {
      expect((await askedTwice('not in the documents', '48 passengers', { prompt: 'small' })).times).toBe(1);
    });

    it('is not asked for again where it was copied', async () => {
      expect((await askedTwice('48 passengers.', 'free')).times).toBe(1);
    });
  });

  describe('of which the model was not sure', () => {
    const text = 'The ferry carries 48 passengers. It was painted by Ann Lee. Dogs travel free of charge. The mill stands beside it.';
    const isClose = ({ prompt }: GenerateRequest) => !(prompt.messages[1]?.parts[0] ?? '').includes('mill');
    interface Looks {
      readonly first?: { readonly says?: string; readonly likelihood?: number; readonly refusal?: number };
      readonly closer?: string | Error;
    }
    const lookTwice = async ({ first: { says = 'passengers', likelihood = -0.5, refusal = -5 } = {}, closer = '48 passengers' }: Looks) => {
      const read: string[] = [];
      const { answer } = await answerOf(
        {
          sources: [{ id: 'ferry', text }],
          generator: {
            answer(request) {
              read.push(request.prompt.messages[1]?.parts[0] ?? '');
              if (!isClose(request)) return says;
              if (typeof closer !== 'string') throw closer;
              return closer;
            },
            weigh: () => [refusal],
            likelihood: (request) => (isClose(request) ? -0.1 : likelihood),
          },
        },
        'How many passengers does the ferry carry?',
      );
      return { answer, read };
    };

    it('is asked for once more, over the sentences that hold most of the question', async () => {
      const { answer, read } = await lookTwice({});
      expect(answer).toBe('48 passengers [1]');
      expect(read[1]).toContain('The ferry carries 48 passengers.');
      expect(read[1]).not.toContain('Dogs');
    });

    it('is not asked for again where the model was sure, of its words or that there is an answer', async () => {
      expect((await lookTwice({ first: { likelihood: -0.05 } })).read).toHaveLength(1);
      expect((await lookTwice({ first: { refusal: -7 } })).read).toHaveLength(1);
    });

    it('stays where the model says closer what does not stand there, or what repeats the question', async () => {
      expect((await lookTwice({ closer: '50 people' })).answer).toBe('passengers [1]');
      expect((await lookTwice({ closer: 'not in the documents' })).answer).toBe('passengers [1]');
      const repeating = await lookTwice({ first: { says: '48' }, closer: 'The ferry' });
      expect([repeating.answer, repeating.read.length]).toEqual(['48 [1]', 2]);
    });

    it('stays where the second look fails', async () => {
      const closer = new MillraceError('E_DEADLINE_EXCEEDED', 'There was no time.');
      expect((await lookTwice({ closer })).answer).toBe('passengers [1]');
    });
  });

  it('gives numbers as the passage spells them', async () => {
    const spelled = { sources: [{ id: 'tram', text: 'The tram has twenty-four seats.' }], ...answering('24 seats') };
    const answer = await answerOf(spelled, 'How many seats does the tram have?');
    expect(answer).toMatchObject({ answer: 'twenty-four seats [1]', citations: [{ quote: 'The tram has twenty-four seats.' }] });
  });

  it('asks the model whether the passage states it, where the rules do not decide and the pipeline says so', async () => {
    const question = 'Which passengers of the ferry travel at night?';
    const askedAs = async (by: 'rules' | 'model', odds: number) => {
      const asked: string[] = [];
      const { mill, drive, close } = await open({
        generator: {
          answer({ prompt }) {
            asked.push(prompt.messages[1]?.parts.at(-1) ?? '');
            return '48 passengers';
          },
          weigh: ({ weigh = [] }) => (weigh.includes('Yes') ? [odds, 0] : [-9]),
        },
      });
      const { abstained } = await drive(mill.ask(question, { pipeline: { verify: { by }, context: { passages: 1 } } }).result());
      await close();
      return { abstained, asked };
    };
    expect((await askedAs('rules', 6)).asked).toHaveLength(1);
    const yes = await askedAs('model', 6);
    expect(yes.asked[1]).toMatch(/48 passengers\nDoes the passage state/);
    expect([yes.abstained, (await askedAs('model', -6)).abstained]).toEqual([false, true]);
  });
});

describe('an answer that is spread over passages', () => {
  const text = 'The ferry carries 48 passengers. The bus carries 60 travellers.';
  const spread: MillBenchOptions = {
    sources: [
      { id: 'ferry', text: 'The ferry carries 48 passengers.' },
      { id: 'bus', text: 'The bus carries 60 travellers.' },
    ],
    ...answering(text),
  };
  const joined = { pipeline: { context: { mode: 'joined' } } } as const;
  const asked = 'How many do the ferry and the bus carry?';

  it('is given, each sentence with its own source', async () => {
    const { answer, abstained, citations, unsupported } = await answerOf(spread, asked, joined);
    expect({ abstained, unsupported }).toEqual({ abstained: false, unsupported: [] });
    expect(answer).toMatch(/48 passengers \[\d\]\. The bus carries 60 travellers \[\d\]\./);
    expect(citations.map(({ source }) => source).toSorted()).toEqual(['bus', 'ferry']);
  });

  it('has a citation for each sentence, also of one passage', async () => {
    const { citations } = await answerOf({ sources: [{ id: 'both', text }], ...answering(text) }, asked, joined);
    expect(citations.map(({ number, quote }) => [number, quote])).toEqual([
      [1, 'The ferry carries 48 passengers.'],
      [1, 'The bus carries 60 travellers.'],
    ]);
  });
});

describe('a prompt of several passages', () => {
  it('is what the model holds beside question and answer, whatever the budget', async () => {
    const text = Array.from({ length: 400 }, (_, line) => `The pier has the number ${line} and the value v${line} in its book.`).join(' ');
    const prompts: number[] = [];
    const small: MillBenchOptions = {
      sources: [{ id: 'pier', text }],
      generator: { prefillTokensPerSecond: 100_000, maxSequenceTokens: 1_000, answer: () => 'v7' },
    };
    const { drive, mill } = await open(small);
    for (const context of [{}, {}, { tokens: 6_000 }, { tokens: 6_000, order: 'document' as const }]) {
      const pipeline = { context: { mode: 'joined', ...context }, retrieve: { limit: 30 } } as const;
      const { answer, usage } = await drive(mill.ask('What value has number 7?', { pipeline, cache: false }).result());
      expect(answer).toMatch(/^v7 /);
      prompts.push(usage.promptTokens);
    }
    for (const promptTokens of prompts) expect(promptTokens).toBeLessThanOrEqual(800);
    // Nearly all of the room is used.
    expect(prompts.slice(1).every((promptTokens) => promptTokens > 700)).toBe(true);
  });
});

describe('a verified answer', () => {
  it('leaves out the sentences that no passage supports, and tells them', async () => {
    const answer = await answerOf(
      answering('The ferry carries 48 passengers. The captain lives in Lisbon.'),
      'How many passengers does the ferry carry?',
    );
    expect(answer).toMatchObject({ answer: 'The ferry carries 48 passengers [1].', unsupported: ['The captain lives in Lisbon.'] });
  });

  it.each(['31 euros', 'John', 'No'])('is never "%s", which no passage holds', async (said) => {
    const answer = await answerOf(answering(said), 'How many passengers does the ferry carry?');
    expect(answer).toMatchObject({ abstained: true, citations: [], confidence: 0 });
  });

  it('may be yes, with the sentence that says so', async () => {
    const answer = await answerOf(answering('Yes'), 'Do dogs travel free of charge?');
    expect(answer).toMatchObject({ answer: 'Yes [1]', citations: [{ quote: 'Dogs travel free of charge.' }] });
  });
});
