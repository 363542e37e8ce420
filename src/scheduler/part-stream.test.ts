import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import type { GeneratePart } from '../spec/engine.ts';
import { createPartStream } from './part-stream.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const text = (value: string): GeneratePart => ({ type: 'text', text: value });
const failure = new MillraceError('E_ENGINE_CRASHED', 'The engine has died.');

function setup(limits: { maxParts?: number; maxBytes?: number } = {}) {
  const left: string[] = [];
  const stream = createPartStream<string>({
    ...limits,
    timings: () => ({ queuedMs: 0, runMs: 0, attempts: 1 }),
    onLeave: (reason) => left.push(reason.code),
  });
  return { stream, left };
}

function textOf(parts: readonly GeneratePart[]): string {
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

describe('part stream', () => {
  it('settles once: what comes after the end is ignored', async () => {
    const { stream } = setup();
    stream.push(text('a'));
    stream.succeed('first');
    stream.succeed('second');
    stream.fail(failure);
    stream.push(text('b'));
    expect(await stream.handle.result()).toBe('first');
    expect(stream.handle.result()).toBe(stream.handle.result());
    expect(textOf(await Array.fromAsync(stream.handle))).toBe('a');
  });

  it('gives a reader what came before a failure, then the failure, then the end', async () => {
    const { stream, left } = setup();
    stream.push(text('a'));
    stream.fail(failure);
    stream.succeed('late');
    const reader = stream.handle[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual(text('a'));
    await expect(reader.next()).rejects.toBe(failure);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    await expect(stream.handle.result()).rejects.toBe(failure);
    expect(left).toEqual([]);
  });

  it('wakes a reader that waits, for a part and for the end', async () => {
    const { stream } = setup();
    const reader = stream.handle[Symbol.asyncIterator]();
    const first = reader.next();
    stream.push(text('a'));
    expect((await first).value).toEqual(text('a'));
    const end = reader.next();
    stream.succeed('done');
    expect((await end).done).toBe(true);
  });

  it('tells the scheduler when the reader leaves before the end, and takes nothing more', async () => {
    const { stream, left } = setup();
    stream.push(text('a'));
    stream.push(text('b'));
    for await (const _part of stream.handle) break;
    stream.push(text('c'));
    expect(left).toEqual(['E_CANCELLED']);
    const ended = setup();
    ended.stream.push(text('a'));
    ended.stream.succeed('done');
    for await (const _part of ended.stream.handle) break;
    expect(ended.left).toEqual([]);
  });

  it('ends a read that waits when the reader leaves elsewhere', async () => {
    const { stream } = setup();
    const reader = stream.handle[Symbol.asyncIterator]();
    const waiting = reader.next();
    await reader.return?.();
    expect((await waiting).done).toBe(true);
  });

  it('can be read once', () => {
    const { stream } = setup();
    stream.handle[Symbol.asyncIterator]();
    expect(() => stream.handle[Symbol.asyncIterator]()).toThrow(code('E_INPUT_INVALID'));
  });

  it('joins the texts of a slow reader and loses none, up to the limit of bytes', async () => {
    const { stream, left } = setup({ maxParts: 4, maxBytes: 100 });
    const reader = stream.handle[Symbol.asyncIterator]();
    for (let index = 0; index < 100; index += 1) stream.push(text(String(index % 10)));
    expect(left).toEqual([]);
    stream.succeed('done');
    const parts: GeneratePart[] = [];
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) parts.push(next.value);
    expect(parts).toHaveLength(4);
    expect(textOf(parts)).toBe('0123456789'.repeat(10));
  });

  it('ends the work of a reader that does not keep up', async () => {
    const { stream, left } = setup({ maxParts: 4, maxBytes: 100 });
    const reader = stream.handle[Symbol.asyncIterator]();
    stream.push(text('a'));
    await reader.next();
    stream.push(text('b'.repeat(101)));
    stream.push(text('c'));
    expect(left).toEqual(['E_OVERLOADED']);
    await expect(reader.next()).rejects.toThrow(code('E_OVERLOADED'));
  });

  it('lets work without a reader run to its end, and tells a late reader what is missing', async () => {
    const { stream, left } = setup({ maxParts: 4, maxBytes: 100 });
    for (let index = 0; index < 200; index += 1) stream.push(text('x'));
    stream.succeed('x'.repeat(200));
    expect(left).toEqual([]);
    expect(await stream.handle.result()).toHaveLength(200);
    await expect(Array.fromAsync(stream.handle)).rejects.toThrow(code('E_OVERLOADED'));
  });

  it('gives all text in order whatever the pace, and forgets what was read', async () => {
    const steps = fc.array(
      fc.oneof(fc.string({ unit: fc.constantFrom('a', 'é', '\ud83d', '\ude00'), maxLength: 4 }), fc.constant(undefined)),
      {
        maxLength: 80,
      },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (pace) => {
        const { stream, left } = setup({ maxParts: 2, maxBytes: 2_000 });
        const reader = stream.handle[Symbol.asyncIterator]();
        let pushed = '';
        let read = '';
        const readOne = async (): Promise<void> => {
          const next = await reader.next();
          if (next.done !== true) read += textOf([next.value]);
        };
        for (const step of pace) {
          if (step !== undefined) {
            stream.push(text(step));
            pushed += step;
          } else if (read.length < pushed.length) await readOne();
        }
        while (read.length < pushed.length) await readOne();
        expect(read).toBe(pushed);
        // What was read counts no more: the whole limit is free again.
        stream.push(text('x'.repeat(2_000)));
        expect(left).toEqual([]);
      }),
    );
  });
});
