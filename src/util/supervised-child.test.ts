import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { createDeferred } from './deferred.ts';
import { startSupervisedChild, type ChildExit, type SupervisedChild } from './supervised-child.ts';

vi.mock('./entry.ts', () => ({ entryPath: () => fileURLToPath(new URL('../../test/support/wayward-child.ts', import.meta.url)) }));

type Behaviour = 'echo' | 'dies-at-start' | 'bursts' | 'chatters' | 'deaf';

function startBehaving(behaviour: Behaviour) {
  const clock = createManualClock();
  const messages: unknown[] = [];
  const exits: ChildExit[] = [];
  let messagesAtExit = 0;
  const first = createDeferred<unknown>();
  const child = startSupervisedChild({
    entry: 'llama-child',
    clock,
    args: [behaviour],
    env: process.platform === 'win32' ? { SystemRoot: String(process.env['SystemRoot']) } : {},
    onMessage(message) {
      messages.push(message);
      first.resolve(message);
    },
    onExit(exit) {
      messagesAtExit = messages.length;
      exits.push(exit);
    },
  });
  return { child, clock, messages, exits, first: first.promise, messagesAtExit: () => messagesAtExit };
}

describe('startSupervisedChild', () => {
  const started: SupervisedChild[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill();
  });

  function start(behaviour: Behaviour) {
    const setup = startBehaving(behaviour);
    started.push(setup.child);
    return setup;
  }

  it('carries messages both ways, whole, with nothing of the environment, and ends by message without the timer', async () => {
    const { child, clock, messages, exits, first } = start('echo');
    const ready = (await first) as { environment: string[] };
    expect(
      ready.environment.filter((name) => !['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'SystemRoot'].includes(name)),
    ).toEqual([]);
    const message = { type: 'floats', values: Float32Array.of(1, 2.5), text: 'ß' };
    expect(await child.send(message)).toBe(true);
    const exit = await child.stop();
    expect(messages.at(-1)).toEqual(message);
    expect(exit).toMatchObject({ code: 0, signal: null });
    expect(exits).toEqual([exit]);
    expect(clock.pendingTimers).toBe(0);
    expect(await child.send({ type: 'late' })).toBe(false);
    expect(await child.stop()).toEqual(exit);
    child.kill();
    expect(exits).toHaveLength(1);
  });

  it('tells code and last words of a child that ends while it starts', async () => {
    const { child, exits, messages } = start('dies-at-start');
    const exit = await child.exited;
    expect(exit).toEqual({ code: 7, signal: null, log: 'first line\nthe library is missing\n' });
    expect(exits).toEqual([exit]);
    expect(messages).toEqual([]);
  });

  it('ends a child that is asked to stop while it still starts', async () => {
    const { child, exits } = start('echo');
    expect(await child.stop()).toMatchObject({ code: 0 });
    expect(exits).toHaveLength(1);
  });

  it('tells the end after the last message', async () => {
    const { child, messages, messagesAtExit } = start('bursts');
    await child.exited;
    expect(messagesAtExit()).toBe(501);
    expect(messages.at(-1)).toEqual({ number: 500 });
  });

  it('keeps the end of a long log', async () => {
    const { log } = await start('chatters').child.exited;
    expect(log.length).toBeLessThanOrEqual(64 * 1024);
    expect(log.length).toBeGreaterThan(60 * 1024);
    expect(log.endsWith('the end\n')).toBe(true);
  });

  it('ends a child by force that reads nothing any more, also when no message reaches it', { timeout: 10_000 }, async () => {
    const { child, clock, first, exits } = start('deaf');
    await first;
    void child.send({ type: 'block' });
    // More than the channel holds: what is sent after it waits for a reader.
    void child.send({ bytes: new Uint8Array(16_000_000) });
    const stopped = child.stop(2_000);
    await clock.advance(1_999);
    expect(exits).toEqual([]);
    await clock.advance(1);
    expect(await stopped).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(exits).toHaveLength(1);
  });

  it('tells once that there is no child when the system cannot start one', async () => {
    const { execPath } = process;
    process.execPath = '/absent/node';
    try {
      const { child, exits } = start('echo');
      expect(await child.exited).toMatchObject({ code: null, log: expect.stringContaining('ENOENT') });
      // The event close follows in a turn of its own.
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(exits).toHaveLength(1);
      expect(await child.stop()).toEqual(exits[0]);
    } finally {
      process.execPath = execPath;
    }
  });
});
