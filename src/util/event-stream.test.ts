import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createEventStream } from './event-stream.ts';

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe('createEventStream', () => {
  it('streams events and gives the result', async () => {
    const stream = createEventStream<number, string>(async ({ emit }) => {
      await emit(1);
      await emit(2);
      return 'done';
    });
    const events: number[] = [];
    for await (const event of stream) events.push(event);
    expect(events).toEqual([1, 2]);
    expect(await stream.result()).toBe('done');
  });

  it('runs to its result when nobody iterates, however many events there are', async () => {
    const stream = createEventStream<number, number>(
      async ({ emit }) => {
        for (let index = 0; index < 1_000; index++) await emit(index);
        return 1_000;
      },
      { maxEvents: 4 },
    );
    expect(await stream.result()).toBe(1_000);
  });

  it('aborts the producer when the consumer leaves the loop', async () => {
    let reason: unknown;
    const stream = createEventStream<number, void>(async ({ emit, signal }) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      for (let index = 0; ; index++) await emit(index);
    });
    for await (const event of stream) if (event === 3) break;
    expect(reason).toMatchObject({ name: 'AbortError' });
    await expect(stream.result()).rejects.toThrow();
  });

  it('throws a failure to the consumer, or ends with its event where one is given', async () => {
    const failing = async (): Promise<void> => {
      throw new Error('broken');
    };
    const plain = createEventStream<string, void>(failing);
    await expect(Array.fromAsync(plain)).rejects.toThrow('broken');
    const described = createEventStream<string, void>(failing, { failed: (error) => `failed: ${(error as Error).message}` });
    expect(await Array.fromAsync(described)).toEqual(['failed: broken']);
    await expect(described.result()).rejects.toThrow('broken');
  });

  it('passes the reason of an aborted signal on to the producer', async () => {
    const controller = new AbortController();
    const stream = createEventStream<number, void>(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      {
        signal: controller.signal,
      },
    );
    controller.abort(new Error('stop'));
    await expect(stream.result()).rejects.toThrow('stop');
  });

  it('keeps the events when the result is asked for just before the loop', async () => {
    const stream = createEventStream<number, string>(async ({ emit }) => {
      await emit(1);
      await emit(2);
      return 'done';
    });
    const [result, events] = await Promise.all([stream.result(), Array.fromAsync(stream)]);
    expect(events).toEqual([1, 2]);
    expect(result).toBe('done');
    expect(stream.result()).toBe(stream.result());
  });

  it('lets the producer run no further ahead than its limit', async () => {
    let emitted = 0;
    const stream = createEventStream<number, void>(
      async ({ emit }) => {
        for (let index = 0; index < 50; index++) {
          await emit(index);
          emitted += 1;
        }
      },
      { maxEvents: 4 },
    );
    let taken = 0;
    for await (const event of stream) {
      expect(event).toBe(taken);
      taken += 1;
      await turns();
      expect(emitted - taken).toBeLessThanOrEqual(4);
    }
    expect(taken).toBe(50);
  });

  it('frees a producer that waits for a slow consumer, and waits for its end when the consumer leaves', async () => {
    let cleaned = false;
    const stream = createEventStream<number, void>(
      async ({ emit }) => {
        try {
          for (let index = 0; ; index++) await emit(index);
        } finally {
          await turns();
          cleaned = true;
        }
      },
      { maxEvents: 1 },
    );
    for await (const _event of stream) {
      await turns();
      break;
    }
    expect(cleaned).toBe(true);
    await expect(stream.result()).rejects.toMatchObject({ name: 'AbortError' });
    expect(await Array.fromAsync(stream)).toEqual([]);
  });

  it('delivers what came before a failure, then the failure, then nothing', async () => {
    const stream = createEventStream<string, void>(
      async ({ emit }) => {
        await emit('first');
        await emit('second');
        throw new Error('broken');
      },
      { maxEvents: 2, failed: (error) => `failed: ${(error as Error).message}` },
    );
    const failure = expect(stream.result()).rejects.toThrow('broken');
    const events: string[] = [];
    for await (const event of stream) {
      events.push(event);
      await turns();
    }
    expect(events).toEqual(['first', 'second', 'failed: broken']);
    await failure;
  });

  it('refuses events after the end', async () => {
    let late: Promise<void> | undefined;
    const stream = createEventStream<number, number>(async ({ emit }) => {
      late = turns().then(() => emit(2));
      late.catch(() => undefined);
      await emit(1);
      return 1;
    });
    expect(await Array.fromAsync(stream)).toEqual([1]);
    await expect(late).rejects.toThrow();
    expect(await stream.result()).toBe(1);
  });

  it('listens to the signal of its caller only while it runs', async () => {
    const controller = new AbortController();
    const stream = createEventStream<number, void>(({ emit }) => emit(1), { signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    await stream.result();
    await turns();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort();
    await stream.result();
    const late = createEventStream<number, void>(({ emit }) => emit(1), { signal: controller.signal });
    await expect(late.result()).rejects.toMatchObject({ name: 'AbortError' });
  });
});
