import { afterEach, describe, expect, it } from 'vitest';
import { type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import type { Answer } from '../spec/answers.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import { readSections, sectionOf } from './read-section.ts';

const lines = (about: string, count: number) => Array.from({ length: count }, (_, line) => `The ${about} has line ${line} in its book.`);
const paragraphs = (about: string, count: number, last = '') =>
  Array.from({ length: count }, (_, part) => `${lines(`${about} ${part}`, 12).join(' ')}${part === count - 1 ? ` ${last}` : ''}`).join(
    '\n\n',
  );

/** Sections of several chunks, one of a single chunk and small ones below it. */
const manual = [
  '# Manual',
  '## Harbour',
  paragraphs('pier', 4, 'The lighthouse keeper is called Odalys. The harbour opens at 7:30.'),
  '## Depot',
  paragraphs('depot', 1),
  '### Keys',
  'A lost key costs 40 euros.',
  '### Lockers',
  paragraphs('locker', 1, 'A locker costs 3 euros.'),
  '## Closing',
  paragraphs('end', 2),
].join('\n\n');

let bench: MillBench;
afterEach(() => bench.close());

async function open(answers: (passages: string) => string, text = manual) {
  const prompts: string[] = [];
  bench = await openMillBench({
    sources: [{ id: 'manual', text, contentType: 'text/markdown' }],
    generator: {
      kvTokens: 100_000,
      maxSequenceTokens: 8_000,
      answer({ prompt }) {
        const passages = prompt.messages[1]?.parts.slice(0, -1).join('') ?? '';
        prompts.push(passages);
        return answers(passages);
      },
    },
  });
  const { documents } = bench.mill;
  return {
    prompts,
    ask: (question: string, pipeline: Pipeline): Promise<Answer> =>
      bench.drive(
        bench.mill.ask(question, { pipeline: { ...pipeline, retrieve: { mode: 'text', section: true, ...pipeline.retrieve } } }).result(),
      ),
    documents,
  };
}

const wide = { context: { tokens: 3_000, passages: 1 } } as const;
const keeper = (passages: string) => (passages.includes('Odalys') ? 'Odalys' : 'not in the documents');

describe('a hit that is read with its section', () => {
  it('is the whole section, from its heading to the next one, and is cited to the character', async () => {
    const { ask, prompts } = await open(keeper);
    const { answer, hits, citations } = await ask('Who is the lighthouse keeper?', wide);
    expect(answer).toContain('Odalys');
    expect(hits[0]?.text).not.toContain('pier 0');
    const [prompt = ''] = prompts;
    expect(prompt).toMatch(/^\[1\] Manual:\nManual\n\nHarbour\n\nThe pier 0 has line 0/);
    expect(prompt.trim()).toMatch(/The harbour opens at 7:30\.$/);
    const [citation] = citations;
    expect(citation?.quote).toBe('The lighthouse keeper is called Odalys.');
    const text = await bench.mill.store.readSpan(citation?.document as never, citation?.start ?? 0, citation?.end ?? 0);
    expect(text).toBe(citation?.quote);
  });

  it('is the section above where the hit is a whole one, with all below that', async () => {
    const { ask, prompts } = await open(() => 'not in the documents');
    const { hits } = await ask('What does a lost key cost?', { ...wide, retrieve: { limit: 1 } });
    expect(hits[0]?.text).toContain('40 euros');
    expect(hits[0]?.text).not.toContain('locker 0 has line 3');
    expect(prompts[0]).toMatch(
      /^\[1\] Manual:\nDepot\n\nThe depot 0 has line 0 .*Keys\n.*40 euros.*Lockers\n.*A locker costs 3 euros\.\s*$/s,
    );
  });

  it('is the same bytes whichever chunk of the section was found, so that its tokens are computed once', async () => {
    const { ask, prompts } = await open((passages) => (passages.includes('7:30') ? 'line 3' : 'not in the documents'));
    const [first, last] = [
      await ask('Which line of the pier 0 book is line 3?', { ...wide, retrieve: { limit: 1 } }),
      await ask('When does the harbour open, 7:30?', { ...wide, retrieve: { limit: 1 } }),
    ];
    expect(first.hits[0]?.chunk).not.toBe(last.hits[0]?.chunk);
    expect(new Set(prompts).size).toBe(1);
    expect(last.usage.cachedTokens).toBeGreaterThan(last.usage.promptTokens * 0.9);
  });

  it('is given once where several hits belong to it', async () => {
    const { ask, prompts } = await open(() => 'not in the documents');
    const { hits } = await ask('pier book line', { context: { tokens: 3_000, passages: 3 }, retrieve: { limit: 3 } });
    expect(hits.map(({ text }) => text.includes('pier'))).toEqual([true, true, true]);
    expect(prompts).toHaveLength(1);
  });

  it('is cut to whole chunks around the hit where the section is longer than the budget', async () => {
    const { ask, prompts } = await open(() => 'not in the documents', `# One\n\n${paragraphs('pier', 20)}`);
    const { hits } = await ask('pier 10', { context: { tokens: 700, passages: 1 }, retrieve: { limit: 1 } });
    const [hit] = hits;
    const [prompt = ''] = prompts;
    expect(prompt).toContain(hit?.text.trim());
    expect(prompt).not.toContain('pier 0 ');
    expect(prompt).not.toContain('pier 19 ');
    const [tokens = 0] = await bench.generator.tokenizer.countTokens([prompt]);
    expect(tokens).toBeLessThanOrEqual(700);
    expect(tokens).toBeGreaterThan(350);
    const ids = await bench.mill.store.listChunks(hit?.document as never);
    const chunks = await bench.mill.store.readChunks(ids);
    const within = chunks.filter(({ text }) => prompt.includes(text.trim()));
    expect(prompt.trim().startsWith(`[1] One:\n${within[0]?.text.trim()}`)).toBe(true);
    expect(prompt.trim().endsWith(within.at(-1)?.text.trim() ?? '?')).toBe(true);
    const at = within.findIndex(({ id }) => id === hit?.chunk);
    expect([at, within.length - 1 - at].every((beside) => beside > 0)).toBe(true);
  });

  it('is the hit alone where nothing more fits', async () => {
    const { ask, prompts } = await open(() => 'not in the documents');
    const { hits } = await ask('Who is the lighthouse keeper?', { context: { tokens: 64, passages: 1 } });
    expect(prompts[0]).toContain(hits[0]?.text.trim());
    expect(prompts[0]).not.toContain('pier 0 ');
  });

  it('is read beside the others in one prompt, each within its share, and nothing twice', async () => {
    const { ask, prompts } = await open(keeper);
    const { answer } = await ask('Who is the lighthouse keeper, and what does a locker cost?', {
      context: { mode: 'joined', tokens: 1_600 },
      retrieve: { limit: 6 },
    });
    expect(answer).toContain('Odalys');
    const [prompt = ''] = prompts;
    const [tokens = 0] = await bench.generator.tokenizer.countTokens([prompt]);
    expect(tokens).toBeLessThanOrEqual(1_600);
    expect(prompt).toContain('The lighthouse keeper is called Odalys.');
    expect(prompt).toContain('The pier 3 has line 0 in its book.');
    const said = prompt.match(/The \w+ \d+ has line \d+ in its book/g) ?? [];
    expect(new Set(said).size).toBe(said.length);
  });

  it('does not go with neighbours, quotes or a stage that answers', async () => {
    const { ask } = await open(keeper);
    for (const pipeline of [{ retrieve: { neighbours: 1 } }, { generate: { by: 'quotes' } }] as const) {
      await expect(ask('Who?', pipeline)).rejects.toMatchObject({ code: 'E_PIPELINE_INVALID' });
    }
  });
});

describe('readSections', () => {
  it('reads no section more than are wanted, and none where there is no room left', async () => {
    const sources = Array.from({ length: 9 }, (_, index) => ({
      id: `d${index}`,
      text: `# Part ${index}\n\n${paragraphs(`pier ${index}`, 4)}`,
      contentType: 'text/markdown',
    }));
    bench = await openMillBench({ sources });
    const { store } = bench.mill;
    const { hits } = await bench.drive(bench.mill.search('pier', { mode: 'text', limit: 9, perDocument: 1 }));
    expect(hits).toHaveLength(9);
    const listed: string[] = [];
    const watched = {
      ...store,
      listChunks: (...args: Parameters<typeof store.listChunks>) => (listed.push(args[0]), store.listChunks(...args)),
    };
    const count = ({ text }: { text: string }) => Promise.resolve(text.length);
    expect(await readSections(watched, hits, { tokens: 6_000, passages: 2, count })).toHaveLength(2);
    expect(listed).toHaveLength(2);
    const together = await readSections(watched, hits, { tokens: 6_000, together: 6_000, count });
    expect(together.map(({ chunk }) => chunk)).toEqual(hits.map(({ chunk }) => chunk));
    expect(listed.length).toBeLessThan(2 + 9);
  });
});

describe('sections of copies', () => {
  const count = ({ text }: { text: string }) => Promise.resolve(text.length);
  const copy = (keeper: string) =>
    `# Harbour\n\n${paragraphs('pier', 4, `The lighthouse keeper is called ${keeper}.`)}\n\n${paragraphs('quay', 4)}`;

  async function hitsOf(sources: readonly { readonly id: string; readonly text: string }[], query: string) {
    bench = await openMillBench({ sources: sources.map((source) => ({ ...source, contentType: 'text/markdown' })) });
    return (await bench.drive(bench.mill.search(query, { mode: 'text', limit: 9, perDocument: 1 }))).hits;
  }

  it('are read once in one prompt, but for what only one of them says', async () => {
    const hits = await hitsOf(
      [
        { id: 'a', text: copy('Odalys') },
        { id: 'b', text: copy('Ferran') },
      ],
      'lighthouse keeper',
    );
    expect(hits.map(({ source }) => source).toSorted()).toEqual(['a', 'b']);
    const passages = await readSections(bench.mill.store, hits, { tokens: 20_000, together: 40_000, count });
    const text = passages.map((passage) => passage.text).join('\n');
    expect(text).toContain('Odalys');
    expect(text).toContain('Ferran');
    for (const line of ['The pier 0 has line 0 ', 'The quay 3 has line 9 ']) expect(text.split(line)).toHaveLength(2);
    // One passage after the other, each is read for itself.
    const apart = await readSections(bench.mill.store, hits, { tokens: 20_000, count });
    expect(apart.map((passage) => passage.text.includes('The pier 0 has line 0 '))).toEqual([true, true]);
  });

  it('are one passage where they say the same', async () => {
    const sources = [
      { id: 'a', text: copy('Odalys') },
      { id: 'b', text: copy('ODALYS') },
    ];
    const hits = await hitsOf(sources, 'pier');
    // Of one document each, and no copies of each other.
    expect(new Set(hits.map(({ text }) => text.toLowerCase())).size).toBe(2);
    for (const room of [{ tokens: 20_000 }, { tokens: 20_000, together: 40_000 }]) {
      const passages = await readSections(bench.mill.store, hits, { ...room, count });
      expect(passages.map(({ document }) => document)).toEqual([hits[0]?.document]);
    }
  });
});

describe('sectionOf', () => {
  const chunk = (headingPath: string[], text: string) => ({ headingPath, text });

  it('is the one that the chunk begins where the next goes on with it, or stands in', () => {
    expect(sectionOf(chunk(['A'], 'B\nfirst'), chunk(['A', 'B'], 'more'))).toEqual(['A', 'B']);
    expect(sectionOf(chunk([], 'A\n B\nfirst'), chunk(['A', 'B'], 'more'))).toEqual(['A', 'B']);
    expect(sectionOf(chunk(['A', 'B'], 'more'), chunk(['A'], 'C\nother'))).toEqual(['A', 'B']);
  });

  it('is the one above where the chunk is a whole section', () => {
    expect(sectionOf(chunk(['A'], 'B\nall'), chunk(['A'], 'C\nother'))).toEqual(['A']);
    expect(sectionOf(chunk(['A'], 'B\nall'), undefined)).toEqual(['A']);
    expect(sectionOf(chunk([], 'text'), chunk([], 'text'))).toEqual([]);
  });
});
