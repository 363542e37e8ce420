import { describe, expect, it } from 'vitest';
import { createEventStream } from './event-stream.ts';

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
});
