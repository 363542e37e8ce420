import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MillraceError } from '../../errors.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import type { ChildExit, SupervisedChild, SupervisedChildOptions } from '../../util/supervised-child.ts';
import { startEngineProcess, type EngineProcess } from './engine-process.ts';
import type { EngineCommand, EngineReply } from './protocol.ts';

/** The child whose messages and end the test makes up. */
const child = vi.hoisted(() => ({
  options: undefined as SupervisedChildOptions | undefined,
  sent: [] as unknown[],
  stops: 0,
}));

vi.mock('../../util/supervised-child.ts', () => ({
  startSupervisedChild(options: SupervisedChildOptions): SupervisedChild {
    child.options = options;
    const exit = (): ChildExit => ({ code: 0, signal: null, log: '' });
    return {
      pid: 4711,
      exited: new Promise(() => undefined),
      send: (message) => Promise.resolve(child.sent.push(message) > 0),
      kill: () => undefined,
      stop() {
        child.stops += 1;
        options.onExit(exit());
        return Promise.resolve(exit());
      },
    };
  },
}));

const code = (expected: string) => expect.objectContaining({ code: expected });
const statistics = { type: 'statistics' } as const;
const say = (...replies: EngineReply[]): void => child.options?.onMessage(replies);
const die = (exit: Partial<ChildExit> = {}): void => child.options?.onExit({ code: null, signal: 'SIGSEGV', log: '', ...exit });
const sent = (): EngineCommand[] => child.sent as EngineCommand[];

let engine: EngineProcess;
beforeEach(() => {
  child.sent.length = 0;
  child.stops = 0;
  engine = startEngineProcess({ clock: createManualClock() });
});

/** All replies of one request. */
function request(): { replies: EngineReply[]; cancel: () => void; id: number } {
  const replies: EngineReply[] = [];
  const cancel = engine.request(statistics, (reply) => replies.push(reply));
  return { replies, cancel, id: (sent().at(-1) as { id: number }).id };
}

describe('an engine process', () => {
  it('gives a request its replies up to the last, whatever comes after', () => {
    const { replies, id } = request();
    const other = request();
    say({ type: 'text', id, text: 'a' }, { type: 'text', id: other.id, text: 'b' });
    say({ type: 'result', id, value: 1 }, { type: 'result', id, value: 2 }, { type: 'text', id, text: 'late' });
    say({ type: 'result', id: 99, value: 'nobody asked' });
    expect(replies).toEqual([
      { type: 'text', id, text: 'a' },
      { type: 'result', id, value: 1 },
    ]);
    expect(other.replies).toHaveLength(1);
  });

  it('fails what is in flight when the child dies, once, with the last words of the child', async () => {
    const [first, second, done] = [request(), request(), request()];
    say({ type: 'result', id: done.id, value: 1 });
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    die({ log: `${lines.join('\n')}\n` });
    die({ log: 'again' });
    for (const { replies } of [first, second]) {
      expect(replies).toEqual([{ type: 'error', id: expect.any(Number), error: code('E_ENGINE_CRASHED') }]);
      const [reply] = replies;
      const error = MillraceError.fromJSON((reply as Extract<EngineReply, { type: 'error' }>).error);
      expect(error.message).toMatch(/SIGSEGV.*line 19/u);
      expect(error.details).toEqual({ log: lines.slice(-12) });
    }
    expect(done.replies).toHaveLength(1);
    await engine.exited;
    await expect(engine.ready).rejects.toThrow(code('E_ENGINE_CRASHED'));
  });

  it('tells why it cannot start: the library is unusable, or the child died', async () => {
    say({ type: 'unusable', error: new MillraceError('E_ENGINE_LIBRARY', 'Another version.').toJSON() });
    die({ code: 1, signal: null });
    await expect(engine.ready).rejects.toThrow(code('E_ENGINE_LIBRARY'));
    const second = startEngineProcess({ clock: createManualClock() });
    die({ code: 70, signal: null, log: 'no memory\n' });
    await expect(second.ready).rejects.toThrow(/ended with code 70.*no memory/u);
  });

  it('fails what is in flight with E_SHUTTING_DOWN when it is closed', async () => {
    const { replies } = request();
    const call = engine.call(statistics);
    await Promise.all([expect(call).rejects.toThrow(code('E_SHUTTING_DOWN')), engine.close()]);
    expect(replies).toEqual([{ type: 'error', id: expect.any(Number), error: code('E_SHUTTING_DOWN') }]);
    await expect(engine.ready).rejects.toThrow(code('E_SHUTTING_DOWN'));
  });

  it('fails a request that comes after the end at once, and sends nothing', async () => {
    die();
    const replies: EngineReply[] = [];
    engine.request(statistics, (reply) => replies.push(reply))();
    expect(replies).toEqual([{ type: 'error', id: expect.any(Number), error: code('E_ENGINE_CRASHED') }]);
    const controller = new AbortController();
    await expect(engine.call(statistics, controller.signal)).rejects.toThrow(code('E_ENGINE_CRASHED'));
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(sent()).toEqual([]);
  });

  it('cancels only what is in flight', () => {
    const { cancel, id, replies } = request();
    cancel();
    expect(sent().at(-1)).toEqual({ type: 'cancel', id });
    say({ type: 'error', id, error: new MillraceError('E_CANCELLED', 'Stopped.').toJSON() });
    cancel();
    expect(sent()).toHaveLength(2);
    expect(replies).toHaveLength(1);
  });

  it('ends a call by its signal, when the child says so, and stops listening', async () => {
    const controller = new AbortController();
    const progress: EngineReply[] = [];
    const call = engine.call(statistics, controller.signal, (reply) => progress.push(reply));
    const { id } = sent()[0] as { id: number };
    say({ type: 'progress', id, doneBytes: 1, totalBytes: 2 });
    controller.abort();
    expect(sent()).toEqual([
      { ...statistics, id },
      { type: 'cancel', id },
    ]);
    say({ type: 'error', id, error: new MillraceError('E_CANCELLED', 'Stopped.').toJSON() });
    await expect(call).rejects.toThrow(code('E_CANCELLED'));
    expect(progress).toHaveLength(1);
    const other = new AbortController();
    const answered = engine.call(statistics, other.signal);
    say({ type: 'result', id: id + 1, value: 'figures' });
    expect(await answered).toBe('figures');
    expect(getEventListeners(other.signal, 'abort')).toEqual([]);
    await expect(engine.call(statistics, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(sent()).toHaveLength(3);
  });
});
