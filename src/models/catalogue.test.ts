import { describe, expect, it } from 'vitest';
import { catalogue } from './catalogue.ts';
import { catalogueEntry } from './catalogue-entry.ts';
import { recommendModel } from './recommend.ts';

describe('catalogue', () => {
  it.each(catalogue.map((entry) => [entry.id, entry] as const))('%s has the shape of an entry', (_id, entry) => {
    expect(catalogueEntry.parse(entry)).toEqual(entry);
    expect(['Apache-2.0', 'MIT']).toContain(entry.licence);
    expect(entry.embedder !== undefined).toBe(entry.task === 'embedder');
    expect(entry.generator !== undefined).toBe(entry.task === 'generator');
    if (entry.embedder !== undefined) expect(entry.embedder.maxInputTokens).toBeLessThanOrEqual(entry.contextTokens);
  });

  it('names ids and files once', () => {
    expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length);
    expect(new Set(catalogue.map(({ file }) => file)).size).toBe(catalogue.length);
  });

  it('joins parts that add up, in numeric order, and knows what every wheel delivers', () => {
    for (const source of catalogue.flatMap(({ sources }) => sources)) {
      if (source.kind !== 'wheel') continue;
      expect(source.product.sha256).not.toBeNull();
      for (const file of source.files) {
        expect(file.sha256).not.toBeNull();
        expect(file.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(file.bytes);
      }
    }
    const parts = catalogue.find(({ id }) => id === 'qwen2.5-coder-1.5b')?.sources.find(({ kind }) => kind === 'wheel')?.files[0];
    expect(parts !== undefined && 'parts' in parts ? parts.parts.map(({ member }) => /\d+\.bin$/u.exec(member)?.[0]) : []).toEqual(
      Array.from({ length: 22 }, (_, index) => `${String(index + 1).padStart(2, '0')}.bin`),
    );
  });
});

describe('recommendModel', () => {
  const gigabyte = 1e9;
  const pick = (memoryBytes: number, options: Partial<Parameters<typeof recommendModel>[2]> = {}, installed: string[] = []) =>
    recommendModel(catalogue, new Set(installed), { task: 'generator', memoryBytes, allowDownload: true, ...options })?.id;

  it('takes the best that fits', () => {
    expect(pick(1 * gigabyte)).toBe('smollm2-135m');
    expect(pick(3 * gigabyte)).toBe('qwen2.5-1.5b');
    expect(pick(12 * gigabyte)).toBe('qwen3-4b');
    expect(pick(12 * gigabyte, { accelerated: true })).toBe('qwen3-8b');
    expect(pick(0.1 * gigabyte)).toBeUndefined();
  });

  it('takes what can be reached', () => {
    expect(pick(12 * gigabyte, { sources: ['wheel'] })).toBe('qwen2.5-coder-1.5b');
    expect(pick(12 * gigabyte, { allowDownload: false })).toBeUndefined();
    expect(pick(12 * gigabyte, { allowDownload: false }, ['smollm2-135m'])).toBe('smollm2-135m');
  });

  it('says why, and what the next better one needs', () => {
    const advice = recommendModel(catalogue, new Set(['qwen2.5-1.5b']), {
      task: 'generator',
      memoryBytes: 3 * gigabyte,
      allowDownload: true,
    });
    expect(advice).toMatchObject({ installed: true, downloadBytes: 0 });
    expect(advice?.reason).toMatch(/about 2\.1 GB of the 3\.0 GB .*qwen3-8b is better and needs 7\.5 GB/u);
  });
});
