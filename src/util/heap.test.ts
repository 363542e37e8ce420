import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHeap } from './heap.ts';

describe('createHeap', () => {
  it('gives back the first of what it holds, whatever was pushed and popped before', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { nil: 'pop' as const })), (steps) => {
        const heap = createHeap<number>((a, b) => a < b);
        const held: number[] = [];
        for (const step of steps) {
          if (step === 'pop') expect(heap.pop()).toBe(held.shift());
          else {
            heap.push(step);
            held.push(step);
            held.sort((a, b) => a - b);
          }
          expect(heap.peek()).toBe(held[0]);
          expect(heap.size).toBe(held.length);
        }
      }),
    );
  });
});
