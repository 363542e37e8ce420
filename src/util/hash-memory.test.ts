import { expect, it } from 'vitest';
import { sha256 } from './hash.ts';
import { createHashMemory } from './hash-memory.ts';

it('knows what was added, and nothing else, however much it is', () => {
  const memory = createHashMemory();
  const hashes = Array.from({ length: 5_000 }, (_, index) => sha256(String(index)));
  for (const [index, hash] of hashes.entries()) {
    expect(memory.has(hash)).toBe(false);
    memory.add(hash);
    memory.add(hash);
    expect(memory.has(hash)).toBe(true);
    expect(memory.size).toBe(index + 1);
  }
  expect(hashes.every((hash) => memory.has(hash))).toBe(true);
  expect(memory.has(sha256('another'))).toBe(false);
});

it('tells hashes apart that begin or end alike, and knows nought', () => {
  const memory = createHashMemory();
  const alike = ['0000000000000000', 'ffffffff00000000', 'ffffffffffffffff', '00000001ffffffff', 'fffffffe00000400', 'fffffffd00000400'];
  for (const hash of alike) {
    expect(memory.has(hash)).toBe(false);
    memory.add(hash);
  }
  expect(memory.size).toBe(alike.length);
  expect(alike.every((hash) => memory.has(hash))).toBe(true);
});
