import { getEventListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MillraceError } from '../../errors.ts';
import type { Embedder, LocalDevice } from '../../spec/engine.ts';
import { createManualClock, type ManualClock } from '../../testing/manual-clock.ts';
import { createDeferred, type Deferred } from '../../util/deferred.ts';
import { createLlamaDevice } from './device.ts';
import type { EngineProcess, EngineRequestBody } from './engine-process.ts';

/** An engine child that does what the test says. */
interface FakeChild {
  readonly engine: EngineProcess;
  readonly ready: Deferred<void>;
  readonly calls: { readonly body: EngineRequestBody; readonly answer: Deferred<unknown> }[];
  closes: number;
  die(error?: MillraceError): void;
}

const children = vi.hoisted(() => [] as FakeChild[]);

vi.mock('./engine-process.ts', () => ({
  startEngineProcess() {
    const child = createFakeChild(children.length + 1);
    children.push(child);
    return child.engine;
  },
}));

function createFakeChild(pid: number): FakeChild {
  const ready = createDeferred<void>();
  const exited = createDeferred<void>();
  let death: MillraceError | undefined;
  const child: FakeChild = {
    ready,
    calls: [],
    closes: 0,
    die(error = new MillraceError('E_ENGINE_CRASHED', 'The inference process was ended by SIGSEGV.')) {
      death ??= error;
      ready.reject(death);
      for (const { answer } of child.calls) answer.reject(death);
      exited.resolve();
    },
    engine: {
      pid,
      ready: ready.promise,
      exited: exited.promise,
      request: () => () => undefined,
      call(body) {
        const answer = createDeferred<unknown>();
        child.calls.push({ body, answer });
        if (death !== undefined) answer.reject(death);
        return answer.promise;
      },
      close() {
        child.closes += 1;
        child.die(new MillraceError('E_SHUTTING_DOWN', 'The engine was closed.'));
        return exited.promise;
      },
      kill: () => child.die(),
    },
  };
  return child;
}

const code = (expected: string) => expect.objectContaining({ code: expected });
const path = fileURLToPath(import.meta.url);
const loaded = { sequences: 1, kvTokens: 0, maxSequenceTokens: 256, sharesPrefixes: true, dimensions: 2 };

let clock: ManualClock;
let device: LocalDevice;
beforeEach(() => {
  children.length = 0;
  clock = createManualClock();
  device = createLlamaDevice({ clock, threads: 1 });
});

function load(signal?: AbortSignal): Promise<Embedder> {
  return device.loadEmbedder({
    id: 'e',
    title: 'E',
    path,
    sha256: '0'.repeat(64),
    pooling: 'mean',
    queryPrefix: '',
    passagePrefix: '',
    maxInputTokens: 256,
    languages: ['*'],
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Files are looked at in time that the clock does not control. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await clock.settle();
}

/** Lets every promise settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await clock.settle();
}

/** A device whose first child has loaded one model. */
async function start(): Promise<Embedder> {
  const loading = load();
  await until(() => children.length === 1);
  children[0]?.ready.resolve();
  await until(() => children[0]?.calls?.length === 1);
  children[0]?.calls[0]?.answer.resolve(loaded);
  return loading;
}

const embed = (embedder: Embedder, signal = new AbortController().signal): Promise<readonly Float32Array[]> =>
  embedder.embed(['text'], 'query', { class: 'batch', signal });

describe('a device', () => {
  it('starts one child, with the first model', async () => {
    await settle();
    expect(children).toHaveLength(0);
    const embedder = await start();
    const vectors = embed(embedder);
    await settle();
    children[0]?.calls[1]?.answer.resolve(Float32Array.of(1, 0));
    expect(await vectors).toEqual([Float32Array.of(1, 0)]);
    expect(children).toHaveLength(1);
  });

  it('starts a new child after a crash, with the same models, before anyone is served', async () => {
    const embedder = await start();
    const inFlight = embed(embedder);
    await settle();
    children[0]?.die();
    await expect(inFlight).rejects.toThrow(code('E_ENGINE_CRASHED'));
    const later = embed(embedder);
    await settle();
    expect(children).toHaveLength(1);
    await clock.advance(100);
    expect(children).toHaveLength(2);
    children[1]?.ready.resolve();
    await settle();
    expect(children[1]?.calls.map(({ body }) => body)).toEqual([children[0]?.calls[0]?.body]);
    children[1]?.calls[0]?.answer.resolve(loaded);
    await settle();
    children[1]?.calls[1]?.answer.resolve(Float32Array.of(0, 1));
    expect(await later).toEqual([Float32Array.of(0, 1)]);
  });

  it('starts no child to tell what is kept of prefixes', async () => {
    const loading = device.loadGenerator({ id: 'g', title: 'G', path, sha256: '0'.repeat(64) });
    await until(() => children.length === 1);
    children[0]?.ready.resolve();
    await until(() => children[0]?.calls.length === 1);
    children[0]?.calls[0]?.answer.resolve({ ...loaded, prefixes: { memoryBytes: 1, diskBytes: 1 } });
    const { prefixes } = await loading;
    const counts = prefixes?.counts();
    await settle();
    children[0]?.calls[1]?.answer.resolve({ hits: 1 });
    expect(await counts).toEqual({ hits: 1 });
    children[0]?.die();
    await settle();
    expect(await prefixes?.counts()).toBeUndefined();
    expect(children).toHaveLength(1);
  });

  it('gives up a crash loop after five starts with growing pauses, and tries again when it is asked again', async () => {
    const embedder = await start();
    const waiting = expect(embed(embedder)).rejects.toThrow(code('E_ENGINE_CRASHED'));
    await settle();
    children[0]?.die();
    const starts: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const pausedAt = clock.monotonic();
      for (const before = children.length; children.length === before;) await clock.advance(100);
      starts.push(clock.monotonic() - pausedAt);
      children.at(-1)?.die();
      await settle();
    }
    await waiting;
    expect(starts).toEqual([100, 200, 400, 800, 1_600]);
    await clock.advance(60_000);
    expect(children).toHaveLength(6);
    for (const round of [1, 2]) {
      const refused = expect(embed(embedder), `round ${round}`).rejects.toThrow(code('E_ENGINE_CRASHED'));
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        await clock.advance(1_600);
        children.at(-1)?.die();
        await settle();
      }
      await refused;
    }
    const recovered = embed(embedder);
    await clock.advance(100);
    children.at(-1)?.ready.resolve();
    await settle();
    children.at(-1)?.calls[0]?.answer.resolve(loaded);
    await settle();
    children.at(-1)?.calls[1]?.answer.resolve(Float32Array.of(1, 0));
    expect(await recovered).toHaveLength(1);
  });

  it('tells that the first child died while it started, starts none in vain, and tries again with the next model', async () => {
    const failed = expect(load()).rejects.toThrow(code('E_ENGINE_CRASHED'));
    await until(() => children.length === 1);
    children[0]?.die();
    await failed;
    await clock.advance(60_000);
    expect(children).toHaveLength(1);
    const loading = load();
    await until(() => children.length === 2);
    children[1]?.ready.resolve();
    await settle();
    children[1]?.calls[0]?.answer.resolve(loaded);
    await loading;
  });

  it('blames a model whose loading ends the child, and does not load it again', async () => {
    const embedder = await start();
    const failed = expect(load()).rejects.toThrow(code('E_MODEL_INVALID'));
    await until(() => children[0]?.calls?.length === 2);
    children[0]?.die();
    await failed;
    await clock.advance(100);
    children[1]?.ready.resolve();
    await settle();
    expect(children[1]?.calls.map(({ body }) => body)).toEqual([children[0]?.calls[0]?.body]);
    children[1]?.calls[0]?.answer.resolve(loaded);
    const vectors = embed(embedder);
    await settle();
    children[1]?.calls[1]?.answer.resolve(Float32Array.of(1, 0));
    expect(await vectors).toHaveLength(1);
  });

  it('ends a child that cannot load the models of the one before', async () => {
    const embedder = await start();
    children[0]?.die();
    await settle();
    const waiting = embed(embedder);
    await clock.advance(100);
    children[1]?.ready.resolve();
    await settle();
    children[1]?.calls[0]?.answer.reject(new MillraceError('E_MODEL_INVALID', 'The file has changed.'));
    await clock.advance(200);
    expect(children.map(({ closes }) => closes)).toEqual([0, 1, 0]);
    children[2]?.ready.resolve();
    await settle();
    children[2]?.calls[0]?.answer.resolve(loaded);
    await settle();
    children[2]?.calls[1]?.answer.resolve(Float32Array.of(1, 0));
    expect(await waiting).toHaveLength(1);
  });

  it('lets a caller stop waiting for a child, without stopping the child, and listens to its signal no longer than that', async () => {
    const embedder = await start();
    const controller = new AbortController();
    for (let round = 0; round < 3; round += 1) {
      const counted = embedder.tokenizer.countTokens(['text'], controller.signal);
      await settle();
      children[0]?.calls.at(-1)?.answer.resolve(Uint32Array.of(1));
      await counted;
    }
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    children[0]?.die();
    await settle();
    const stopped = embedder.tokenizer.countTokens(['text'], controller.signal);
    controller.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    await clock.advance(100);
    expect(children).toHaveLength(2);
  });

  it.each(['while the first child starts', 'in the pause before a new child', 'while a new child starts', 'while a new child loads'])(
    'can be closed %s',
    async (when) => {
      let waiting: Promise<unknown>;
      if (when === 'while the first child starts') {
        waiting = load();
        await until(() => children.length === 1);
      } else {
        const embedder = await start();
        children[0]?.die();
        await settle();
        waiting = embed(embedder);
        if (when !== 'in the pause before a new child') await clock.advance(100);
        if (when === 'while a new child loads') children[1]?.ready.resolve();
        await settle();
      }
      const refused = expect(waiting).rejects.toThrow(code('E_SHUTTING_DOWN'));
      await device.close();
      await refused;
      const started = children.length;
      await clock.advance(60_000);
      expect(children).toHaveLength(started);
      expect(children.at(-1)?.closes).toBeGreaterThanOrEqual(1);
      expect(clock.pendingTimers).toBe(0);
      await expect(load()).rejects.toThrow(code('E_SHUTTING_DOWN'));
      await device.close();
    },
  );
});
