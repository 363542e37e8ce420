import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSpool, removeSpools } from './spool.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-spool-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const values = Array.from({ length: 8 }, (_, index) => ({ text: `${index} é 🦀 `.repeat(100_000), boxes: Uint32Array.of(index, 7) }));

it.each([
  ['in memory', undefined],
  ['in a file', 'staged'],
])('gives back what was added, in order, as often as asked: %s', (_where, name) => {
  const folder = name === undefined ? undefined : join(root, name);
  const spool = createSpool<(typeof values)[number]>(folder, 'one');
  for (const value of values) {
    spool.add(value, value.text.length);
    expect([...spool.values()].at(-1)).toEqual(value);
  }
  expect([...spool.values()]).toEqual(values);
  spool.close();
  expect([...spool.values()]).toEqual([]);
  expect(folder === undefined ? [] : readdirSync(folder)).toEqual([]);
});

it('makes no file for little', () => {
  const folder = join(root, 'staged');
  const spool = createSpool<string>(folder, 'one');
  spool.add('a little', 8);
  expect([...spool.values()]).toEqual(['a little']);
  expect(existsSync(folder)).toBe(false);
  spool.close();
});

it('removes what a process left behind, and takes it for no failure where there is nothing', () => {
  const folder = join(root, 'staged');
  mkdirSync(folder);
  writeFileSync(join(folder, 'document-1'), 'left');
  removeSpools(folder);
  expect(existsSync(folder)).toBe(false);
  removeSpools(folder);
});
