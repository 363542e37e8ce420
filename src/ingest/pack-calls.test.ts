import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packCalls } from './pack-calls.ts';

const texts = fc.array(
  fc.integer({ min: 1, max: 600 }).map((tokens) => ({ tokens })),
  { maxLength: 200 },
);
const limits = fc.record({ batchTokens: fc.integer({ min: 1, max: 1_000 }), batchItems: fc.integer({ min: 1, max: 50 }) });

function sum(call: readonly { readonly tokens: number }[]): number {
  return call.reduce((total, { tokens }) => total + tokens, 0);
}

describe('packCalls', () => {
  it('puts every text into exactly one call', () => {
    fc.assert(
      fc.property(texts, limits, (given, limit) => {
        const packed = packCalls(given, limit).flat();
        expect(packed).toHaveLength(given.length);
        expect(new Set(packed)).toEqual(new Set(given));
      }),
    );
  });

  it('keeps every call inside the limits; only one text alone may have more tokens', () => {
    fc.assert(
      fc.property(texts, limits, (given, limit) => {
        for (const call of packCalls(given, limit)) {
          expect(call.length).toBeGreaterThan(0);
          expect(call.length).toBeLessThanOrEqual(limit.batchItems);
          if (call.length > 1) expect(sum(call)).toBeLessThanOrEqual(limit.batchTokens);
        }
      }),
    );
  });

  it('starts a call only when the one before it could not take the text, longest first', () => {
    fc.assert(
      fc.property(texts, limits, (given, limit) => {
        const calls = packCalls(given, limit);
        const lengths = calls.flat().map(({ tokens }) => tokens);
        expect(lengths).toEqual(lengths.toSorted((a, b) => b - a));
        for (const [index, call] of calls.slice(1).entries()) {
          const before = calls[index] ?? [];
          expect(before.length === limit.batchItems || sum(before) + (call[0]?.tokens ?? 0) > limit.batchTokens).toBe(true);
        }
      }),
    );
  });
});
