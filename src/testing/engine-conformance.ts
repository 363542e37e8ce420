import { strict as assert } from 'node:assert';
import type { Embedder, GeneratePart, GenerateRequest, Generator, Reranker, Tokenizer } from '../spec/engine.ts';
import type { SuiteRunner } from './store-conformance.ts';

/** Engines under test. The suite closes the fixture after each test; a suite over real weights shares them and closes nothing. */
export interface EngineFixture {
  readonly generator?: Generator;
  readonly embedder?: Embedder;
  readonly reranker?: Reranker;
  close(): Promise<void>;
}

type Final = Extract<GeneratePart, { type: 'final' }>;
type Check<Engine> = (engine: Engine) => Promise<void>;

const never = new AbortController().signal;

/** A greedy request for one question. */
export function questionRequest(question: string, changes: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    prompt: {
      messages: [
        { role: 'system', parts: ['Answer from the passages.\n'] },
        { role: 'user', parts: ['[1] The mill was built in 1874 beside the river.\n\n', `Question: ${question}`] },
      ],
    },
    maxTokens: 24,
    sampling: { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 7 },
    stop: [],
    deliver: 'stream',
    ...changes,
  };
}

/** All parts of one generation. */
export async function readParts(generator: Generator, request: GenerateRequest, signal: AbortSignal = never): Promise<GeneratePart[]> {
  const parts: GeneratePart[] = [];
  for await (const part of generator.generate(request, { class: 'batch', signal })) parts.push(part);
  return parts;
}

const question = 'When was the mill built?';

async function readFinal(generator: Generator, request: GenerateRequest): Promise<Final> {
  const last = (await readParts(generator, request)).at(-1);
  assert(last?.type === 'final');
  return last;
}

/** A repeated word, whatever the tokenizer of the engine: more tokens than `tokens`. */
function longText(tokens: number): string {
  return 'mill '.repeat(tokens + 16);
}

const generatorChecks: Readonly<Record<string, Check<Generator>>> = {
  'streams text and ends with exactly one final part that holds all of it': async (generator) => {
    const parts = await readParts(generator, questionRequest(question));
    const streamed = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
    assert.deepEqual(
      parts.flatMap((part, index) => (part.type === 'final' ? [index] : [])),
      [parts.length - 1],
    );
    const final = parts.at(-1) as Final;
    assert.equal(streamed, final.text);
    assert.notEqual(final.text, '');
  },
  'counts its tokens as its tokenizer does': async (generator) => {
    const request = questionRequest(question);
    const { usage, tokens } = await readFinal(generator, request);
    const { tokens: prompt } = await generator.tokenizer.tokenizePrompt(request.prompt);
    assert.equal(usage.promptTokens, prompt.length);
    assert.equal(usage.outputTokens, tokens.length);
    assert(usage.outputTokens >= 1 && usage.outputTokens <= request.maxTokens);
    assert(usage.cachedTokens < usage.promptTokens);
    assert(usage.prefillMs >= 0 && usage.decodeMs >= 0);
  },
  'delivers nothing before the end when asked for the final part only': async (generator) => {
    const parts = await readParts(generator, questionRequest(question, { deliver: 'final' }));
    assert.deepEqual(
      parts.map(({ type }) => type),
      ['final'],
    );
  },
  'stops at maxTokens': async (generator) => {
    const long = await readFinal(generator, questionRequest(question));
    const short = await readFinal(generator, questionRequest(question, { maxTokens: 2 }));
    assert(long.usage.outputTokens > 2, 'the answer is too short to be cut');
    assert.equal(short.usage.outputTokens, 2);
    assert.equal(short.stopReason, 'length');
    assert(long.text.startsWith(short.text));
  },
  'ends before a stop string and never delivers a part of it': async (generator) => {
    const whole = (await readFinal(generator, questionRequest(question))).text;
    const middle = Math.floor(whole.length / 2);
    const stop = whole.slice(middle, middle + 4);
    const parts = await readParts(generator, questionRequest(question, { stop: [stop] }));
    const expected = whole.slice(0, whole.indexOf(stop));
    const streamed = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
    assert.equal(streamed, expected);
    assert.equal((parts.at(-1) as Final).text, expected);
    assert.equal((parts.at(-1) as Final).stopReason, 'stop-string');
  },
  'repeats itself with the same seed': async (generator) => {
    const sampling = { ...questionRequest(question).sampling, temperature: 0.8 };
    const first = await readFinal(generator, questionRequest(question, { sampling }));
    const second = await readFinal(generator, questionRequest(question, { sampling }));
    assert.deepEqual(second.tokens, first.tokens);
  },
  'announces a prefix once, before any text, and reuses it': async (generator) => {
    const request = questionRequest(question, { prefixKey: 'conformance', prefixParts: 1 });
    const { partEnds } = await generator.tokenizer.tokenizePrompt(request.prompt);
    const leader = generator.generate(request, { class: 'batch', signal: never })[Symbol.asyncIterator]();
    const first = await leader.next();
    assert.deepEqual(first.value, { type: 'prefix-ready', prefixKey: 'conformance', tokens: partEnds[0] });
    const twin = await readFinal(generator, { ...request, maxTokens: 2 });
    assert.equal(twin.usage.cachedTokens, partEnds[0]);
    for (let next = await leader.next(); next.done !== true; next = await leader.next()) assert.notEqual(next.value.type, 'prefix-ready');
  },
  'refuses what is longer than its sequences': async (generator) => {
    const prompt = { messages: [{ role: 'user' as const, parts: [longText(generator.model.maxSequenceTokens)] }] };
    await assert.rejects(readParts(generator, questionRequest(question, { prompt })), hasCode('E_CONTEXT_EXCEEDED'));
  },
  'ends when cancelled before or while it works, and serves the next': async (generator) => {
    await assert.rejects(readParts(generator, questionRequest(question), AbortSignal.abort()), hasCode('E_CANCELLED'));
    const controller = new AbortController();
    async function readAndCancel(): Promise<void> {
      for await (const part of generator.generate(questionRequest(question), { class: 'batch', signal: controller.signal })) {
        if (part.type === 'text') controller.abort();
      }
    }
    await assert.rejects(readAndCancel(), hasCode('E_CANCELLED'));
    await readFinal(generator, questionRequest(question));
  },
  'frees the sequence when the reader leaves': async (generator) => {
    for (let round = 0; round < generator.capacity().sequences + 1; round += 1) {
      for await (const part of generator.generate(questionRequest(question), { class: 'batch', signal: never })) {
        if (part.type === 'text') break;
      }
    }
    await readFinal(generator, questionRequest(question));
  },
  'serves as many requests at once as it has sequences': async (generator) => {
    const { sequences } = generator.capacity();
    const requests = Array.from({ length: sequences }, (_, index) => questionRequest(`${question} (${index})`, { maxTokens: 4 }));
    const finals = await Promise.all(requests.map((request) => readFinal(generator, request)));
    for (const { usage } of finals) assert(usage.outputTokens >= 1 && usage.outputTokens <= 4);
  },
};

const embedderChecks: Readonly<Record<string, Check<Embedder>>> = {
  'gives one unit vector of the stated length for each text, in order': async (embedder) => {
    const texts = ['The river drives the wheel.', 'Bread is baked on Fridays.', 'The mill was built in 1874.'];
    const vectors = await embedder.embed(texts, 'passage', { class: 'batch', signal: never });
    assert.equal(vectors.length, texts.length);
    for (const [index, vector] of vectors.entries()) {
      assert.equal(vector.length, embedder.model.dimensions);
      assert(Math.abs(Math.sqrt(dot(vector, vector)) - 1) < 1e-3);
      const [alone] = await embedder.embed([texts[index] as string], 'passage', { class: 'batch', signal: never });
      assert(dot(vector, alone as Float32Array) >= 0.9999, 'a vector depends on its batch mates');
    }
  },
  'gives nothing for nothing': async (embedder) => {
    assert.deepEqual(await embedder.embed([], 'passage', { class: 'batch', signal: never }), []);
  },
  'puts a question nearer to its passage than to another': async (embedder) => {
    const passages = ['The mill was built in 1874 beside the river.', 'Invoices are paid within thirty days.'];
    const [near, far] = await embedder.embed(passages, 'passage', { class: 'batch', signal: never });
    const [query] = await embedder.embed([question], 'query', { class: 'interactive', signal: never });
    assert(dot(query as Float32Array, near as Float32Array) > dot(query as Float32Array, far as Float32Array));
  },
  'refuses a text that is too long': async (embedder) => {
    const text = longText(embedder.model.maxInputTokens);
    await assert.rejects(embedder.embed([text], 'passage', { class: 'batch', signal: never }), hasCode('E_CONTEXT_EXCEEDED'));
  },
  'ends when cancelled': async (embedder) => {
    await assert.rejects(embedder.embed(['text'], 'query', { class: 'batch', signal: AbortSignal.abort() }), hasCode('E_CANCELLED'));
  },
};

const rerankerChecks: Readonly<Record<string, Check<Reranker>>> = {
  'scores each passage, in order, the fitting one higher': async (reranker) => {
    const passages = ['Invoices are paid within thirty days.', 'The mill was built in 1874 beside the river.'];
    const scores = await reranker.score(question, passages, { class: 'batch', signal: never });
    assert.equal(scores.length, 2);
    assert((scores[1] as number) > (scores[0] as number));
  },
  'gives nothing for nothing': async (reranker) => {
    assert.equal((await reranker.score(question, [], { class: 'batch', signal: never })).length, 0);
  },
  'ends when cancelled': async (reranker) => {
    await assert.rejects(reranker.score(question, ['text'], { class: 'batch', signal: AbortSignal.abort() }), hasCode('E_CANCELLED'));
  },
};

const tokenizerChecks: Readonly<Record<string, Check<Tokenizer>>> = {
  'counts each text alone, in order': async (tokenizer) => {
    const counts = await tokenizer.countTokens(['', 'mill', 'the mill by the river']);
    assert.equal(counts.length, 3);
    assert.equal(counts[0], 0);
    assert((counts[2] as number) > (counts[1] as number));
  },
};

const promptChecks: Readonly<Record<string, Check<Tokenizer>>> = {
  'gives a part the same tokens whatever follows it': async (tokenizer) => {
    const first = await tokenizer.tokenizePrompt(questionRequest('one').prompt);
    const second = await tokenizer.tokenizePrompt(questionRequest('<|another|> question').prompt);
    assert.equal(first.partEnds.length, 3);
    const end = first.partEnds[1] as number;
    assert.equal(second.partEnds[1], end);
    assert.deepEqual(first.tokens.slice(0, end), second.tokens.slice(0, end));
    assert((first.partEnds[2] as number) <= first.tokens.length);
  },
};

/** What every engine must do. `createEngines` gives engines without other users. */
export function describeEngineConformance(runner: SuiteRunner, name: string, createEngines: () => Promise<EngineFixture>): void {
  function suite<Engine>(
    title: string,
    pick: (fixture: EngineFixture) => Engine | undefined,
    checks: Readonly<Record<string, Check<Engine>>>,
  ): void {
    for (const [check, body] of Object.entries(checks)) {
      runner.it(`${title} ${check}`, async () => {
        const fixture = await createEngines();
        try {
          const engine = pick(fixture);
          if (engine !== undefined) await body(engine);
        } finally {
          await fixture.close();
        }
      });
    }
  }

  runner.describe(`${name}: engine conformance`, () => {
    suite('generator', ({ generator }) => generator, generatorChecks);
    suite('embedder', ({ embedder }) => embedder, embedderChecks);
    suite('reranker', ({ reranker }) => reranker, rerankerChecks);
    suite('tokenizer of the generator', ({ generator }) => generator?.tokenizer, { ...tokenizerChecks, ...promptChecks });
    suite('tokenizer of the embedder', ({ embedder }) => embedder?.tokenizer, tokenizerChecks);
  });
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.equal((error as { readonly code?: unknown }).code, code);
    return true;
  };
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}
