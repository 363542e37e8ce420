import { expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import type { DocumentParser, ParsedPortion, ParseInput } from '../spec/parser.ts';
import { createFakeMill } from '../testing/fake-mill.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { eventLoopTurn } from '../util/event-loop-turn.ts';

const text = 'The wheel turns in the water.';
const portion: ParsedPortion = {
  start: 0,
  text,
  blocks: [{ kind: 'paragraph', start: 0, end: text.length }],
  firstBlock: 0,
  spans: Uint32Array.of(0, text.length, 1),
};

/** To it every document is a long one. */
const parser: DocumentParser = {
  optionsHash: 'long',
  formats: [{ name: 'plain-text', version: 1 }],
  concurrency: 1,
  isolation: () => Promise.resolve({ kind: 'process', message: 'None.' }),
  async parse({ taker }: ParseInput) {
    const taken = taker?.();
    await taken?.take(portion);
    return {
      text: '',
      pages: [{ number: 1, start: 0, end: text.length }],
      blocks: [],
      warnings: [],
      contentType: 'text/plain',
      parser: 'plain-text',
      parserVersion: 1,
      ...(taken === undefined ? {} : { taken }),
    };
  },
  close: () => Promise.resolve(),
};

/** Notes in `steps` when a staged document is forgotten and what is told of a source; `forgetting` is awaited meanwhile. */
async function ingested({
  forgetting = Promise.resolve(),
  refuses = () => undefined,
  onStep = () => undefined,
}: {
  readonly forgetting?: Promise<void>;
  readonly refuses?: (what: string) => MillraceError | undefined;
  readonly onStep?: (step: string) => void;
}): Promise<{ readonly steps: readonly string[]; readonly documents: number }> {
  const steps: string[] = [];
  const step = (name: string): void => {
    steps.push(name);
    onStep(name);
  };
  const mill = createFakeMill({ clock: createManualClock(), parser });
  const { store } = mill;
  const { stageDocument, commit } = store;
  async function orRefused<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
    const error = refuses(what);
    if (error !== undefined) throw error;
    return work();
  }
  store.stageDocument = () => {
    const staged = stageDocument();
    return {
      ...staged,
      add: (added) => orRefused(`stage ${Object.keys(added).join()}`, () => staged.add(added)),
      async forget() {
        step('forget');
        await forgetting;
        await staged.forget();
      },
    };
  };
  store.commit = (operations) => orRefused(operations.map(({ type }) => type).join(), () => commit(operations));
  for await (const event of mill.ingest([{ id: 'long', text }], { embed: false })) {
    if (event.type === 'document-committed' || event.type === 'document-failed') step(event.type);
  }
  const [collection] = await store.collections();
  await mill.close();
  return { steps, documents: collection?.documents ?? 0 };
}

it('acknowledges a long document without waiting until what was staged is given up', async () => {
  const told = createDeferred<void>();
  const { steps, documents } = await ingested({
    forgetting: told.promise,
    onStep(step) {
      if (step === 'document-committed') told.resolve();
    },
  });
  expect(documents).toBe(1);
  expect(steps).toEqual(['forget', 'document-committed']);
});

it.each([
  ['the record refuses it', 'commitDocument'],
  ['the end of it cannot be staged', 'stage pages'],
  ['a portion of it cannot be staged', 'stage text,blocks'],
])('gives up what was staged at once where %s, and tells the failure', async (_when, what) => {
  const error = new MillraceError('E_INPUT_INVALID', 'It is refused.');
  const { steps, documents } = await ingested({ refuses: (asked) => (asked === what ? error : undefined) });
  expect(documents).toBe(0);
  expect(steps).toEqual(['forget', 'document-failed']);
});

it('stages nothing of a document that its parser gives when the call is over', async () => {
  const controller = new AbortController();
  const late = createDeferred<unknown>();
  const slow: DocumentParser = {
    ...parser,
    async parse({ taker }: ParseInput, signal) {
      controller.abort();
      // Its caller has been told meanwhile.
      for (let turn = 0; turn < 5; turn += 1) await eventLoopTurn();
      try {
        late.resolve(taker?.());
      } catch (error) {
        late.resolve(error);
      }
      throw signal.reason;
    },
  };
  const mill = createFakeMill({ clock: createManualClock(), parser: slow });
  let staged = 0;
  const { stageDocument } = mill.store;
  mill.store.stageDocument = () => {
    staged += 1;
    return stageDocument();
  };
  await expect(mill.ingest([{ id: 'long', text }], { embed: false, signal: controller.signal }).result()).rejects.toMatchObject({
    code: 'E_CANCELLED',
  });
  expect(await late.promise).toMatchObject({ code: 'E_CANCELLED' });
  expect(staged).toBe(0);
  await mill.close();
});
