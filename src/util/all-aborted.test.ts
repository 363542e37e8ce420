import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { allAborted } from './all-aborted.ts';

describe('allAborted', () => {
  it('aborts with the last of the signals, with its reason', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const { signal } = allAborted([first.signal, second.signal, AbortSignal.abort()]);
    second.abort('second');
    expect(signal.aborted).toBe(false);
    first.abort('first');
    expect(signal.reason).toBe('first');
  });

  it('is aborted at once when all are, and never for none', () => {
    expect(allAborted([AbortSignal.abort('a'), AbortSignal.abort('b')]).signal.reason).toBe('b');
    expect(allAborted([]).signal.aborted).toBe(false);
  });

  it('counts a signal that is given twice as two, and stops listening when it is released', () => {
    const controller = new AbortController();
    const { signal, release } = allAborted([controller.signal, controller.signal]);
    release();
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    controller.abort();
    expect(signal.aborted).toBe(false);
    const other = new AbortController();
    const twice = allAborted([other.signal, other.signal]);
    other.abort();
    expect(twice.signal.aborted).toBe(true);
  });
});
