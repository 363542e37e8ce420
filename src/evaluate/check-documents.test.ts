import { describe, expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import { checkAnswer, type CheckedBy, checkDocuments, checkPassages } from './check-documents.ts';
import { junitReport } from './junit.ts';
import type { GivenAnswer } from './judge-answer.ts';
import { readEntry } from './question-entry.ts';

const entry = (value: object) => readEntry({ question: 'What does a lost key cost?', ...value }, 'Entry 1', 'refuse');
const given = (answer: string, sources: readonly string[] = ['/docs/rules.md'], abstained = false): GivenAnswer => ({
  answer,
  abstained,
  citations: sources.map((source) => ({ source, page: 2, quote: answer, verbatim: true })),
  latencyMs: 1,
  promptTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
});

const onSlides = (answer: GivenAnswer): GivenAnswer => ({
  ...answer,
  citations: answer.citations.map((citation) => ({ ...citation, pageKind: 'slide' })),
});

describe('checkAnswer', () => {
  it.each([
    [{ expected: '40 euros', source: 'rules.md' }, given('It costs 40 euros.'), []],
    [{ expected: 40 }, given('It costs 40.00 euros.'), []],
    [{ number: 40 }, given('It costs 400 euros.'), ['The answer does not hold the number 40.']],
    [{ expected: ['40 euros', 'forty'] }, given('It is free.'), ['The answer does not hold "40 euros" or "forty".']],
    [{ source: 'rules.md' }, given('Yes', ['/docs/fares.md']), ['It does not cite "rules.md", but /docs/fares.md.']],
    [{ source: 'rules.md' }, given('Yes', []), ['It does not cite "rules.md".']],
    [{ source: 'rules.md', page: 3 }, given('Yes'), ['It does not cite page 3.']],
    [{ source: 'rules.md', page: 2 }, given('Yes'), []],
    [{ source: 'plan.pptx', page: 3 }, onSlides(given('Yes', ['/docs/plan.pptx'])), ['It does not cite slide 3.']],
    [{ source: 'plan.pptx', page: 2 }, onSlides(given('Yes', ['/docs/plan.pptx'])), []],
    [{ expected: 'x' }, given('Not in the documents.', [], true), ['It was not answered.']],
    [{ unanswerable: true }, given('Not in the documents.', [], true), []],
    [{ unanswerable: true }, given('40'), ['It was answered, and the documents do not hold an answer.']],
  ])('%j', (value, answer, problems) => {
    expect(checkAnswer(entry(value), answer)).toMatchObject({ status: problems.length === 0 ? 'passed' : 'failed', problems });
  });
});

describe('checkPassages', () => {
  const passages = [
    { source: '/docs/fares.md', text: 'A ticket costs 40 euros.', page: 3 },
    { source: '/docs/rules.md', text: 'A lost key is paid for.', page: 1 },
  ];

  it('wants what is expected in a passage of the expected source', () => {
    expect(checkPassages(entry({ expected: '40 euros' }), passages).status).toBe('passed');
    expect(checkPassages(entry({ expected: '40 euros', source: 'rules.md' }), passages).problems).toEqual([
      'No passage of "rules.md" that was found holds "40 euros".',
    ]);
    expect(checkPassages(entry({ source: 'minutes.txt' }), passages).problems).toEqual(['No passage of "minutes.txt" was found.']);
    expect(checkPassages(entry({ number: 41 }), passages).problems).toEqual(['No passage that was found holds the number 41.']);
    expect(checkPassages(entry({ expected: '40 euros', page: 4 }), passages).status).toBe('passed');
    expect(checkPassages(entry({ expected: '40 euros', page: 5 }), passages).problems).toEqual(['No passage on page 5 was found.']);
    const slides = [{ source: '/docs/plan.pptx', text: 'The plan.', page: 1, pageKind: 'slide' as const }];
    const mixed = [...slides, { source: '/docs/plan.xlsx', text: 'The costs.', page: 1, pageKind: 'sheet' as const }];
    expect(checkPassages(entry({ expected: 'x', page: 5 }), slides).problems).toEqual(['No passage on slide 5 was found.']);
    expect(checkPassages(entry({ expected: 'x', page: 5 }), mixed).problems).toEqual(['No passage on page 5 was found.']);
    expect(checkPassages(entry({ expected: 'x' }), []).problems).toEqual(['Nothing was found.']);
  });
});

describe('checkDocuments', () => {
  const options = { concurrency: 2, signal: new AbortController().signal, now: () => 0 };
  const questions = [
    entry({ id: 'a', expected: 'yes' }),
    entry({ id: 'b', expected: 'no' }),
    entry({ id: 'c', expected: 'no' }),
    entry({ id: 'd', unanswerable: true }),
  ];

  it('tells new failures from known ones', async () => {
    const ask: CheckedBy = { by: 'answers', ask: () => Promise.resolve(given('yes')) };
    const results = await checkDocuments(questions, ask, { ...options, knownFailures: new Set(['a', 'b']) });
    expect(results.map(({ id, status, known }) => [id, status, known])).toEqual([
      ['a', 'passed', false],
      ['b', 'failed', true],
      ['c', 'failed', false],
      ['d', 'failed', false],
    ]);
  });

  it('skips what passages alone do not tell', async () => {
    const find: CheckedBy = { by: 'passages', find: () => Promise.resolve([{ source: 'x', page: 1, text: 'no' }]) };
    const results = await checkDocuments(questions, find, { ...options, knownFailures: new Set() });
    expect(results.map(({ status }) => status)).toEqual(['failed', 'passed', 'passed', 'skipped']);
  });

  it('fails a question that cannot be asked, and ends where none can', async () => {
    const failing = (code: 'E_CONTEXT_EXCEEDED' | 'E_MODEL_NOT_INSTALLED'): CheckedBy => ({
      by: 'answers',
      ask: () => Promise.reject(new MillraceError(code, 'It is too long.')),
    });
    const results = await checkDocuments(questions.slice(0, 1), failing('E_CONTEXT_EXCEEDED'), { ...options, knownFailures: new Set() });
    expect(results[0]).toMatchObject({ status: 'failed', problems: ['It is too long.'], error: { code: 'E_CONTEXT_EXCEEDED' } });
    const ended = checkDocuments(questions, failing('E_MODEL_NOT_INSTALLED'), { ...options, knownFailures: new Set() });
    await expect(ended).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
  });
});

describe('junitReport', () => {
  const result = { known: false, problems: [], answer: null, error: null, elapsedMs: 1_500 };

  it('is XML, whatever questions and answers hold', () => {
    const xml = junitReport(
      'q.yaml',
      [
        { ...result, id: 'a', question: 'a & b <c>', status: 'passed' },
        { ...result, id: 'b', question: 'b', status: 'failed', problems: ['No "x".'], answer: ']]> \u0007 <script>' },
        { ...result, id: 'c', question: 'c', status: 'failed', known: true, problems: ['Old.'] },
        { ...result, id: 'd', question: 'd', status: 'skipped', problems: ['Why.'] },
      ],
      { seed: '0' },
    );
    expect(xml).toContain('tests="4" failures="1" errors="0" skipped="2" time="6.000"');
    expect(xml).toContain('name="a: a &amp; b &lt;c&gt;" time="1.500"/>');
    expect(xml).toContain('<failure message="No &quot;x&quot;.">Answer: ]]&gt; \ufffd &lt;script&gt;</failure>');
    expect(xml).toContain('<skipped message="Known: Old."/>');
    expect(xml).toContain('<skipped message="Why."/>');
    expect(xml).toContain('<property name="seed" value="0"/>');
  });
});
