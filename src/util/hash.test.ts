import { describe, expect, it } from 'vitest';
import { canonicalJson, hashOf, sha256, sha256InSteps } from './hash.ts';
import { createSeededRandom, systemRandom } from './random.ts';

describe('hash', () => {
  it('is the sha256 of the UTF-8 bytes', () => {
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256(new TextEncoder().encode('abc'))).toBe(sha256('abc'));
  });

  it('is the same in steps, also where a step would cut a surrogate pair', async () => {
    for (const before of [0, 1, 2]) {
      const text = `${'a'.repeat(2 * 1024 * 1024 - before)}\u{1F600} and more \u{1F600}`.repeat(2);
      expect(await sha256InSteps(text)).toBe(sha256(text));
      expect(await sha256InSteps(new TextEncoder().encode(text))).toBe(sha256(text));
    }
    expect(await sha256InSteps('')).toBe(sha256(''));
  });

  it('does not depend on the order of members', () => {
    expect(canonicalJson({ b: 1, a: [{ d: 1, c: undefined }, null] })).toBe('{"a":[{"d":1},null],"b":1}');
    expect(hashOf({ a: 1, b: 2 })).toBe(hashOf({ b: 2, a: 1 }));
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: '1' }));
  });
});

describe('random', () => {
  it('makes version 7 ids that sort by time', () => {
    const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    const earlier = systemRandom.uuid(1_700_000_000_000);
    const later = systemRandom.uuid(1_700_000_000_001);
    expect(earlier).toMatch(pattern);
    expect(earlier < later).toBe(true);
    expect(createSeededRandom(1).uuid(0)).toMatch(pattern);
  });

  it('repeats with its seed', () => {
    const first = createSeededRandom(7);
    const second = createSeededRandom(7);
    const values = Array.from({ length: 5 }, () => first.float());
    expect(values).toEqual(Array.from({ length: 5 }, () => second.float()));
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(values).size).toBe(5);
  });
});
