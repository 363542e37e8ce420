import { describe, expect, it } from 'vitest';
import { chunkOptionsFor } from './chunk-options-for.ts';

describe('chunkOptionsFor', () => {
  it('leaves room in the input of the embedder', () => {
    expect(chunkOptionsFor(256)).toEqual({ targetTokens: 180, maxTokens: 220, overlapTokens: 0 });
    expect(chunkOptionsFor(128)).toEqual({ targetTokens: 90, maxTokens: 110, overlapTokens: 0 });
  });

  it.each([512, 2_048, 32_768])('stays at sizes that fit a prompt with an input of %i tokens', (input) => {
    expect(chunkOptionsFor(input)).toEqual({ targetTokens: 240, maxTokens: 320, overlapTokens: 0 });
  });

  it('never has a target above the maximum', () => {
    for (let input = 1; input < 1_000; input += 1) {
      const { targetTokens, maxTokens } = chunkOptionsFor(input);
      expect(targetTokens).toBeLessThanOrEqual(maxTokens);
      expect(targetTokens).toBeGreaterThan(0);
    }
  });
});
