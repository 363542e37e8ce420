import { describe, expect, it } from 'vitest';
import { splitOf } from './question-entry.ts';
import { sample } from './sample.ts';
import { isSource } from './source-name.ts';

describe('splitOf', () => {
  it('depends on the id alone and cuts about in half', () => {
    const halves = Array.from({ length: 2_000 }, (_, index) => splitOf(`question ${index}`));
    const dev = halves.filter((half) => half === 'dev').length;
    expect(dev).toBeGreaterThan(900);
    expect(dev).toBeLessThan(1_100);
    expect(new Set(halves)).toEqual(new Set(['dev', 'report']));
  });

  it('never changes: what was tuned on stays apart from what is reported', () => {
    // First hexadecimal digits of sha256: "a" ca97…, "b" 3e23…, "c" 2e7d…
    expect(['a', 'b', 'c'].map((id) => splitOf(id))).toEqual(['report', 'dev', 'dev']);
  });

  it('keeps the questions over one passage together', () => {
    const halves = ['a', 'b', 'c', 'd', 'e'].map((id) => splitOf({ id, context: 'a' }));
    expect(new Set(halves)).toEqual(new Set(['report']));
    expect(['a', 'b', 'c'].map((id) => splitOf({ id, context: null }))).toEqual(['report', 'dev', 'dev']);
  });
});

describe('sample', () => {
  const items = Array.from({ length: 50 }, (_, index) => index);

  it('chooses by the seed, each once, in their order', () => {
    const chosen = sample(items, 10, 7);
    expect(chosen).toHaveLength(10);
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    expect(new Set(chosen).size).toBe(10);
    expect(sample(items, 10, 7)).toEqual(chosen);
    expect(sample(items, 10, 8)).not.toEqual(chosen);
  });

  it('gives all where no fewer are wanted', () => {
    expect(sample(items, undefined, 1)).toBe(items);
    expect(sample(items, 50, 1)).toBe(items);
  });
});

describe('isSource', () => {
  it.each([
    ['file:///srv/docs/rules.md', 'rules.md', true],
    ['file:///srv/docs/2022%20Q3%20AAPL.pdf', '2022 Q3 AAPL.pdf', true],
    ['file:///srv/docs/2022%20Q3%20AAPL.pdf', '*AAPL*', true],
    ['file:///srv/AAPL/other.pdf', '*AAPL*', false],
    ['file:///srv/docs/more-rules.md', 'rules.md', false],
    ['/srv/docs/rules.md', './docs/rules.md', true],
    ['/srv/docs/rules.md', 'docs/*.md', true],
    ['/srv/docs/rules.md', './docs/rule*', true],
    ['/srv/docs/rules.md', '/srv/*/rules.md', true],
    ['/srv/docs/rules.md', '/docs/*.md', false],
    ['/srv/my-docs/rules.md', 'docs/*.md', false],
    ['/srv/docs/rules.md', 'docs/*.pdf', false],
    ['note-1', 'note-1', true],
    ['note-10', 'note-1', false],
    ['a.b', 'a*b', true],
    ['ab', 'a*b', true],
    ['aba', 'aba*ba', false],
    ['abcbd', 'a*b*d', true],
    ['abdc', 'a*c*d', false],
    [`docs/${'a'.repeat(200)}`, `${'a*'.repeat(100)}b`, false],
    ['file://%', 'file://%', true],
  ])('%s as %s: %s', (source, expected, is) => {
    expect(isSource(source, expected)).toBe(is);
  });
});
