import { strict as assert } from 'node:assert';
import type { AnswerEvent, AskOptions, SearchOptions } from '../spec/answers.ts';
import type { IngestEvent } from '../spec/events.ts';
import type { HandedSource, IngestOptions, Mill, MillStream } from '../spec/mill.ts';
import type { RunEvent } from '../spec/runs.ts';
import type { SuiteRunner } from './store-conformance.ts';

/** A Mill over an empty directory, with an embedder and a generator. The suite closes it after each test. */
export interface MillFixture {
  readonly mill: Mill;
  close(): Promise<void>;
}

const harbour: readonly HandedSource[] = [
  { id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.', metadata: { team: 'harbour', year: 2031 } },
  { id: 'workshop', text: 'The workshop opens at 7:30 on weekdays.', metadata: { team: 'works', year: 2030 } },
  { id: 'canteen', text: 'The canteen serves lunch between noon and two.', metadata: { team: 'works', year: 2031 } },
];
const ferryQuestion = 'How many passengers does the ferry carry?';

async function readEvents<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => (error as { readonly code?: unknown }).code === code && error instanceof Error && error.message.endsWith('.');
}

/** Numbered from 1 without gaps, plain JSON, and one terminal event, which is the last. */
function assertEvents(events: readonly (AnswerEvent | IngestEvent | RunEvent)[]): void {
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  for (const event of events) assert.deepEqual(JSON.parse(JSON.stringify(event)), event);
  const ends = events.flatMap(({ type }, index) => (/-(?:end|failed)$/.test(type) && !type.startsWith('document-') ? [index] : []));
  assert.deepEqual(ends, [events.length - 1]);
}

/** A stream that fails tells it once, as its last event, and rejects with the same error. */
async function assertFails(stream: MillStream<AnswerEvent | IngestEvent | RunEvent, unknown>, code: string): Promise<void> {
  const last = (await readEvents(stream)).at(-1);
  assert(last !== undefined && 'error' in last && last.type.endsWith('-failed'));
  assert.equal(last.error.code, code);
  await assert.rejects(stream.result(), hasCode(code));
}

/** Settles when no lane has work left. Each turn is a call of the Mill, so that it works over any transport. */
async function untilIdle(mill: Mill): Promise<void> {
  for (let turn = 0; turn < 10_000; turn += 1) {
    const { lanes } = await mill.status();
    if (lanes.every(({ running, waiting }) => running + waiting.interactive + waiting.batch + waiting.background === 0)) return;
  }
  assert.fail('Work is still in a lane although every call has ended.');
}

const never = new AbortController().signal;
const aborted = AbortSignal.abort();

const ingestChecks: Readonly<Record<string, (mill: Mill) => Promise<void>>> = {
  'acknowledges each text and counts them at the end': async (mill) => {
    const stream = mill.ingest(harbour);
    const events = await readEvents(stream);
    assertEvents(events);
    const committed = events.flatMap((event) => (event.type === 'document-committed' ? [event.source] : []));
    assert.deepEqual(committed.toSorted(), ['canteen', 'ferry', 'workshop']);
    const { found, indexed, failed } = await stream.result();
    assert.deepEqual({ found, indexed, failed }, { found: 3, indexed: 3, failed: 0 });
  },
  'takes texts from an asynchronous source': async (mill) => {
    async function* feed(): AsyncGenerator<HandedSource> {
      for (const source of harbour) {
        await Promise.resolve();
        yield source;
      }
    }
    assert.equal((await mill.ingest(feed()).result()).indexed, 3);
  },
  'replaces a text under the same id and skips one that is unchanged': async (mill) => {
    await mill.ingest(harbour).result();
    const again = await mill.ingest([...harbour.slice(1), { id: 'ferry', text: 'The ferry carries 60 passengers.' }]).result();
    assert.deepEqual([again.indexed, again.skipped], [1, 2]);
    const { hits } = await mill.search('ferry passengers', { mode: 'text' });
    assert.deepEqual(
      hits.map(({ text }) => text),
      ['The ferry carries 60 passengers.'],
    );
  },
  'reports what cannot be read and goes on': async (mill) => {
    const events = await readEvents(mill.ingest([{ id: 'empty', text: '' }, ...harbour]));
    assertEvents(events);
    const failed = events.flatMap((event) => (event.type === 'document-failed' ? [[event.source, event.error.code]] : []));
    assert.deepEqual(failed, [['empty', 'E_DOCUMENT_EMPTY']]);
    assert.equal(events.filter(({ type }) => type === 'document-committed').length, 3);
  },
  'refuses options it does not know, and ends when it is cancelled': async (mill) => {
    await assertFails(mill.ingest(harbour, { colection: 'x' } as IngestOptions), 'E_INPUT_INVALID');
    await assertFails(mill.ingest(harbour, { batchSize: 0 }), 'E_INPUT_INVALID');
    await assertFails(mill.ingest(harbour, { signal: aborted }), 'E_CANCELLED');
  },
};

const queryChecks: Readonly<Record<string, (mill: Mill) => Promise<void>>> = {
  'searches by words, by meaning and by both, best first': async (mill) => {
    for (const mode of ['text', 'vector', 'hybrid'] as const) {
      const { hits } = await mill.search('passengers of the ferry', { mode });
      assert.equal(hits[0]?.source, 'ferry', mode);
      assert.deepEqual(
        hits.map(({ rank }) => rank),
        hits.map((_, index) => index + 1),
      );
    }
  },
  'returns hits that are spans of the record, with the metadata of their source': async (mill) => {
    const { hits } = await mill.search('ferry');
    const [first] = hits;
    assert(first !== undefined);
    const { document } = await mill.documents.show('ferry');
    assert.equal(first.text, harbour[0]?.text?.slice(first.start, first.end));
    assert.equal(first.document, document?.id);
    assert.deepEqual(first.metadata, { team: 'harbour', year: 2031 });
  },
  'filters by metadata and keeps to the limit': async (mill) => {
    const sources = async (options: SearchOptions) =>
      (await mill.search('the ferry workshop canteen', options)).hits.map((hit) => hit.source);
    assert.deepEqual((await sources({ filter: { team: 'works' } })).toSorted(), ['canteen', 'workshop']);
    assert.deepEqual(await sources({ filter: { team: 'works', year: { gt: 2030 } } }), ['canteen']);
    assert.deepEqual(await sources({ filter: { team: { in: ['none'] } } }), []);
    assert.equal((await sources({ limit: 1 })).length, 1);
  },
  'gives sources first, then the answer in pieces, then one end': async (mill) => {
    const stream = mill.ask(ferryQuestion, { maxTokens: 32 });
    const events = await readEvents(stream);
    assertEvents(events);
    assert.equal(events[0]?.type, 'sources');
    assert(events.some(({ type }) => type === 'answer-delta'));
    const end = events.at(-1);
    assert(end?.type === 'answer-end');
    assert.deepEqual(await stream.result(), end.answer);
    assert.equal(end.answer.question, ferryQuestion);
    assert(end.answer.usage.outputTokens >= 1);
  },
  'gives the result also to one who reads no events': async (mill) => {
    const answer = await mill.ask(ferryQuestion, { maxTokens: 32 }).result();
    assert.equal(answer.collection, 'default');
  },
  'cites verbatim from the record': async (mill) => {
    const { citations, abstained, model } = await mill.ask(ferryQuestion, { quotesOnly: true }).result();
    assert.deepEqual([abstained, model], [false, 'quotes']);
    assert.deepEqual(
      citations.map(({ quote }) => quote),
      ['The ferry carries 48 passengers.'],
    );
  },
  'says so when the documents do not hold the answer': async (mill) => {
    const { abstained, citations, hits } = await mill.ask('Who painted the ceiling fresco?', { quotesOnly: true }).result();
    assert.deepEqual([abstained, citations.length], [true, 0]);
    assert(hits.length > 0, 'the nearest passages are shown');
  },
  'answers many questions at once, each its own': async (mill) => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => mill.ask(`${ferryQuestion} (${index})`, { maxTokens: 8 }).result()),
    );
    assert.deepEqual(
      answers.map(({ question }) => question),
      answers.map((_, index) => `${ferryQuestion} (${index})`),
    );
  },
  'ends a cancelled question with one failure and leaves no work behind': async (mill) => {
    await assertFails(mill.ask(ferryQuestion, { signal: aborted }), 'E_CANCELLED');
    const controller = new AbortController();
    const seen: string[] = [];
    const stream = mill.ask(ferryQuestion, { signal: controller.signal });
    for await (const { type } of stream) {
      seen.push(type);
      if (type === 'sources') controller.abort();
    }
    assert.equal(seen.at(-1), 'answer-failed');
    await assert.rejects(stream.result(), hasCode('E_CANCELLED'));
    await untilIdle(mill);
  },
  'cancels the question when its reader leaves': async (mill) => {
    const stream = mill.ask(ferryQuestion);
    for await (const { type } of stream) if (type === 'sources') break;
    await assert.rejects(stream.result(), hasCode('E_CANCELLED'));
    await untilIdle(mill);
  },
  'refuses what is not a question, or not an option': async (mill) => {
    const wrong: readonly (readonly [unknown, unknown])[] = [
      ['', {}],
      [' \n', {}],
      ['?!…', {}],
      [7, {}],
      ['x'.repeat(200_001), {}],
      [ferryQuestion, { limit: 0 }],
      [ferryQuestion, { limt: 3 }],
      [ferryQuestion, { mode: 'fuzzy' }],
      [ferryQuestion, { filter: { team: { like: 'har' } } }],
      [ferryQuestion, { timeoutMs: -1 }],
      [ferryQuestion, { signal: 'now' }],
    ];
    for (const [question, options] of wrong) {
      await assertFails(mill.ask(question as string, options as AskOptions), 'E_INPUT_INVALID');
      await assert.rejects(mill.search(question as string, options as SearchOptions), hasCode('E_INPUT_INVALID'));
    }
    await assertFails(mill.ask(ferryQuestion, { maxTokens: 0 }), 'E_INPUT_INVALID');
  },
  'rejects a cancelled search': async (mill) => {
    await assert.rejects(mill.search(ferryQuestion, { signal: aborted }), hasCode('E_CANCELLED'));
  },
};

const runChecks: Readonly<Record<string, (mill: Mill) => Promise<void>>> = {
  'settles each of many questions once, and has them on record afterwards': async (mill) => {
    const questions = [ferryQuestion, { id: 'lunch', question: 'When is lunch served?' }, ''];
    const stream = mill.askMany(questions, { quotesOnly: true, ordered: true, label: { file: 'q.csv' } });
    const events = await readEvents(stream);
    assertEvents(events);
    const items = events.flatMap((event) => (event.type === 'item-settled' ? [event.item] : []));
    assert.deepEqual(
      items.map(({ index, id, status }) => [index, id, status]),
      [
        [0, null, 'done'],
        [1, 'lunch', 'done'],
        [2, null, 'failed'],
      ],
    );
    const { runId, state, done, failed } = await stream.result();
    assert.deepEqual({ state, done, failed }, { state: 'done', done: 2, failed: 1 });
    assert(runId !== null);
    assert.deepEqual(await readEvents(mill.runs.items(runId)), items);
    assert.equal((await mill.runs.show(runId)).state, 'done');
    await mill.runs.delete(runId);
    await assert.rejects(mill.runs.show(runId), hasCode('E_NOT_FOUND'));
  },
  'fills a table, each cell once, with values and quotes from the record': async (mill) => {
    const questions = [{ id: 'opens', question: 'When does it open?' }, 'Who may travel?'];
    const stream = mill.table(questions, { documents: ['ferry', 'workshop', 'nowhere'], maxTokens: 16, mode: 'text', ordered: true });
    const events = await readEvents(stream);
    assertEvents(events);
    const cells = events.flatMap((event) => (event.type === 'cell-settled' ? [event.cell] : []));
    assert.deepEqual(
      cells.map(({ index, row, column, status }) => [index, row, column, status]),
      [0, 1, 2].flatMap((row) => [0, 1].map((column) => [2 * row + column, row, column, row === 2 ? 'failed' : 'done'])),
    );
    for (const { source, citations, value, empty, usage } of cells.slice(0, 4)) {
      assert.equal(value === null, empty);
      assert(usage !== null && usage.promptTokens > 0);
      for (const { quote } of citations) assert(harbour.find(({ id }) => id === source)?.text?.includes(quote), quote);
    }
    const { runId } = await stream.result();
    assert.deepEqual(await readEvents(mill.runs.cells(runId ?? '')), cells);
    await assertFails(mill.table([]), 'E_INPUT_INVALID');
    await assertFails(mill.table(questions, { documens: ['ferry'] } as object), 'E_INPUT_INVALID');
  },
  'puts pipelines side by side, each with its own failures': async (mill) => {
    const quotes = { name: 'quotes', retrieve: { mode: 'text' }, generate: { by: 'quotes' } } as const;
    const lost = { name: 'lost', generate: { by: 'quotes' }, retrieve: { mode: 'text', collection: 'nowhere' } } as const;
    const events = await readEvents(mill.parallelRun([quotes, lost], [ferryQuestion]));
    assertEvents(events);
    const items = events.flatMap((event) => (event.type === 'item-settled' ? [event.item] : []));
    assert.deepEqual(
      items.map(({ pipeline, status, error }) => [pipeline?.name, status, error?.code]),
      [
        ['quotes', 'done', undefined],
        ['lost', 'failed', 'E_NOT_FOUND'],
      ],
    );
  },
  'tells beforehand what work takes, and keeps nothing of the sample': async (mill) => {
    const before = (await mill.status()).collections;
    const told = [
      await mill.estimate.askMany([ferryQuestion, 'When is lunch served?', 'When does the workshop open?'], { maxTokens: 8 }),
      await mill.estimate.table(['When does it open?'], { maxTokens: 8 }),
      await mill.estimate.ingest([...harbour, { id: 'new', text: 'The new quay has 12 berths.' }]),
    ];
    assert.deepEqual(
      told.map(({ items }) => items),
      [3, 3, 4],
    );
    for (const { sampled, leastMs, mostMs, newTokens } of told) {
      assert(sampled >= 1 && newTokens > 0);
      assert(leastMs <= mostMs);
    }
    assert.deepEqual(await mill.runs.list(), []);
    assert.deepEqual((await mill.status()).collections, before);
    await assert.rejects(mill.estimate.table([]), hasCode('E_INPUT_INVALID'));
    await assert.rejects(mill.estimate.askMany([ferryQuestion], { signal: aborted }), hasCode('E_CANCELLED'));
  },
};

const otherChecks: Readonly<Record<string, (mill: Mill) => Promise<void>>> = {
  'lists documents in pages, in order of key': async (mill) => {
    const keys: string[] = [];
    let afterKey: string | undefined;
    for (let page = 0; page < 3; page += 1) {
      const { sources, nextKey } = await mill.documents.list({ limit: 2, ...(afterKey === undefined ? {} : { afterKey }) });
      keys.push(...sources.map(({ key }) => key));
      assert.equal(nextKey, page === 0 ? 'ferry' : null);
      if (nextKey === null) break;
      afterKey = nextKey;
    }
    assert.deepEqual(keys, ['canteen', 'ferry', 'workshop']);
    assert.deepEqual(await mill.documents.list({ collection: 'other' }), { sources: [], nextKey: null });
    await assert.rejects(mill.documents.list({ limit: 0 }), hasCode('E_INPUT_INVALID'));
  },
  'shows and removes a document': async (mill) => {
    assert.equal((await mill.documents.show('ferry')).source.key, 'ferry');
    assert.equal(await mill.documents.remove('ferry'), true);
    assert.equal(await mill.documents.remove('ferry'), false);
    await assert.rejects(mill.documents.show('ferry'), hasCode('E_NOT_FOUND'));
    assert(!(await mill.search('ferry passengers')).hits.some(({ source }) => source === 'ferry'));
  },
  'embeds many texts in their order': async (mill) => {
    const words = ['ferry', 'workshop', 'canteen', 'passenger', 'weekday'];
    const texts = Array.from({ length: 100 }, (_, index) => `${words[index % words.length] ?? ''} number ${index}`);
    const vectors = await mill.embedMany(texts);
    assert.equal(vectors.length, texts.length);
    for (const index of [0, 41, 99]) {
      const [alone] = await mill.embedMany([texts[index] ?? '']);
      assert(cosine(alone, vectors[index]) >= 0.9999, `text ${index}`);
    }
    assert.deepEqual(await mill.embedMany([]), []);
    await assert.rejects(mill.embedMany(texts, { signal: aborted }), hasCode('E_CANCELLED'));
    await assert.rejects(mill.embedMany([7 as unknown as string]), hasCode('E_INPUT_INVALID'));
    await untilIdle(mill);
  },
  'says what is there and whether it is whole': async (mill) => {
    const status = await mill.status();
    assert.equal(status.writable, true);
    assert(status.activity !== null && status.activity.lanes.length === status.lanes.length);
    assert.match(await mill.metrics(), /^millrace_work_settled_total\{lane="embed",.*outcome="done"\} [1-9]/m);
    const [collection] = status.collections;
    assert.deepEqual([collection?.collection, collection?.sources, collection?.chunks, collection?.embeddedChunks], ['default', 3, 3, 3]);
    assert.equal(collection?.embedder, status.embedder);
    assert.deepEqual(await mill.runs.list(), []);
    assert.deepEqual((await mill.verify({ signal: never })).problems, []);
    await mill.rebuild({ signal: never });
    assert.deepEqual((await mill.verify()).problems, []);
  },
  'ends every open call when it closes, and refuses later ones': async (mill) => {
    const open = Array.from({ length: 20 }, () => mill.ask(ferryQuestion).result());
    const settled = Promise.allSettled([...open, mill.search(ferryQuestion), mill.embedMany(['one', 'two'])]);
    await Promise.all([mill.close(), mill.close()]);
    for (const outcome of await settled) {
      if (outcome.status === 'rejected') assert(hasCode('E_SHUTTING_DOWN')(outcome.reason), String(outcome.reason));
    }
    await assertFails(mill.ask(ferryQuestion), 'E_SHUTTING_DOWN');
    await assertFails(mill.ingest(harbour), 'E_SHUTTING_DOWN');
    const calls: readonly (() => Promise<unknown>)[] = [
      () => mill.search(ferryQuestion),
      () => mill.embedMany(['one']),
      () => mill.documents.list(),
      () => mill.documents.show('ferry'),
      () => mill.documents.remove('ferry'),
      () => mill.runs.list(),
      () => mill.status(),
      () => mill.verify(),
    ];
    for (const call of calls) await assert.rejects(call(), hasCode('E_SHUTTING_DOWN'));
    await mill[Symbol.asyncDispose]();
  },
};

function cosine(a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** What every `Mill` must do, in process or over a connection. `createFixture` gives a Mill over an empty directory. */
export function describeMillConformance(runner: SuiteRunner, name: string, createFixture: () => Promise<MillFixture>): void {
  function suite(title: string, checks: Readonly<Record<string, (mill: Mill) => Promise<void>>>, sources: readonly HandedSource[]): void {
    runner.describe(`${name} ${title}`, () => {
      for (const [check, body] of Object.entries(checks)) {
        runner.it(check, async () => {
          const { mill, close } = await createFixture();
          try {
            if (sources.length > 0) await mill.ingest(sources).result();
            await body(mill);
          } finally {
            await close();
          }
        });
      }
    });
  }
  suite('ingests', ingestChecks, []);
  suite('answers', queryChecks, harbour);
  suite('works in bulk', runChecks, harbour);
  suite('keeps house', otherChecks, harbour);
}
