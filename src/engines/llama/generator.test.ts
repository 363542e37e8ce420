import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../errors.ts';
import type { GeneratePart } from '../../spec/engine.ts';
import { questionRequest } from '../../testing/engine-conformance.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createDeferred } from '../../util/deferred.ts';
import type { EngineProcess } from './engine-process.ts';
import { createGenerator } from './generator.ts';
import type { EngineReply, GenerateResult } from './protocol.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const result: GenerateResult = {
  text: 'ab',
  stopReason: 'end',
  tokens: [1, 2],
  promptTokens: 3,
  cachedTokens: 0,
  restoredTokens: 0,
  restoreMs: 0,
  prefillMs: 1,
  decodeMs: 2,
};
const { settle } = createManualClock();

/** A generator whose child is the test. */
function setup() {
  let say = (_reply: EngineReply): void => undefined;
  let cancels = 0;
  const starting = createDeferred<EngineProcess>();
  const process: EngineProcess = {
    pid: 1,
    ready: Promise.resolve(),
    exited: createDeferred<void>().promise,
    request(_body, onReply) {
      say = onReply;
      return () => void (cancels += 1);
    },
    call: () => Promise.reject(new Error('not used')),
    close: () => Promise.resolve(),
    kill: () => undefined,
  };
  const generator = createGenerator({
    link: { engine: () => starting.promise, running: () => undefined, handle: 1 },
    request: { id: 'g', title: 'G', path: '/g', sha256: '0'.repeat(64) },
    loaded: { sequences: 1, kvTokens: 100, maxSequenceTokens: 100, sharesPrefixes: false, dimensions: 0, prefixes: undefined },
    kvType: 'f16',
  });
  const controller = new AbortController();
  const read = (prefixKey?: string): AsyncIterator<GeneratePart> => {
    const request = questionRequest('Why?', prefixKey === undefined ? {} : { prefixKey, prefixParts: 1 });
    const parts = generator.generate(request, { class: 'batch', signal: controller.signal });
    return parts[Symbol.asyncIterator]();
  };
  return { generator, starting, process, controller, read, say: (reply: EngineReply) => say(reply), cancels: () => cancels };
}
const text = (value: string): EngineReply => ({ type: 'text', id: 1, text: value });
const crash: EngineReply = { type: 'error', id: 1, error: new MillraceError('E_ENGINE_CRASHED', 'Died.').toJSON() };

describe('a generator', () => {
  it('yields what comes in order, joins texts that wait, and ends with the final part', async () => {
    const { starting, process, controller, read, say } = setup();
    starting.resolve(process);
    const reader = read('p');
    const first = reader.next();
    await settle();
    say({ type: 'prefix-ready', id: 1, tokens: 7 });
    expect((await first).value).toEqual({ type: 'prefix-ready', prefixKey: 'p', tokens: 7 });
    for (const letter of ['a', 'b']) say(text(letter));
    say({ type: 'result', id: 1, value: result });
    expect((await reader.next()).value).toEqual({ type: 'text', text: 'ab' });
    expect((await reader.next()).value).toMatchObject({ type: 'final', text: 'ab', usage: { promptTokens: 3, outputTokens: 2 } });
    expect((await reader.next()).done).toBe(true);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('tells when its model cannot go on from what another request has computed', () => {
    expect(setup().generator.capacity()).toEqual({ sequences: 1, kvTokens: 100, maxSequenceTokens: 100, sharesPrefixes: false });
  });

  it('says whether anything was delivered before a crash', async () => {
    for (const delivered of [false, true]) {
      const { starting, process, read, say } = setup();
      starting.resolve(process);
      const reader = read();
      const first = reader.next();
      await settle();
      if (delivered) {
        say(text('a'));
        await first;
      }
      say(crash);
      await expect(delivered ? reader.next() : first).rejects.toMatchObject({ code: 'E_ENGINE_CRASHED', delivered });
    }
  });

  it('cancels when its reader leaves, and ends when the child says so', async () => {
    const { starting, process, read, say, cancels } = setup();
    starting.resolve(process);
    const reader = read();
    const first = reader.next();
    await settle();
    say(text('a'));
    await first;
    let ended = false;
    const leaving = reader.return?.().then(() => (ended = true));
    await settle();
    expect([cancels() > 0, ended]).toEqual([true, false]);
    say({ type: 'error', id: 1, error: new MillraceError('E_CANCELLED', 'Stopped.').toJSON() });
    await leaving;
  });

  it('throws the reason of its signal, before, while and after it waits for the child', async () => {
    const reason = new MillraceError('E_DEADLINE_EXCEEDED', 'Too late.');
    const early = setup();
    early.controller.abort(reason);
    await expect(early.read().next()).rejects.toBe(reason);

    const running = setup();
    running.starting.resolve(running.process);
    const next = running.read().next();
    await settle();
    running.controller.abort(reason);
    expect(running.cancels()).toBe(1);
    running.say({ type: 'error', id: 1, error: new MillraceError('E_CANCELLED', 'Stopped.').toJSON() });
    await expect(next).rejects.toBe(reason);
  });

  it('sends no work for a caller that has gone while the child became ready', async () => {
    const { starting, process, controller, read, cancels } = setup();
    let requests = 0;
    const counted: EngineProcess = {
      ...process,
      request: (...given) => {
        requests += 1;
        return process.request(...given);
      },
    };
    const next = read().next();
    starting.resolve(counted);
    // The child is ready, and the generator has not heard of it yet.
    controller.abort(new MillraceError('E_CANCELLED', 'Enough.'));
    await expect(next).rejects.toThrow(code('E_CANCELLED'));
    expect([requests, cancels()]).toEqual([0, 0]);
  });
});
