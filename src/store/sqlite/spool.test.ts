import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

it.each(['in memory', 'in a file'])('gives back what was added, in order, as often as asked: %s', (where) => {
  const spool = createSpool<(typeof values)[number]>(where === 'in memory' ? undefined : root, 1);
  for (const value of values) {
    spool.add(value, value.text.length);
    expect([...spool.values()].at(-1)).toEqual(value);
  }
  expect([...spool.values()]).toEqual(values);
  spool.close();
  expect([...spool.values()]).toEqual([]);
  expect(readdirSync(root)).toEqual([]);
});

it('makes no file for little', () => {
  const spool = createSpool<string>(join(root, 'nowhere'), 1);
  spool.add('a little', 8);
  expect([...spool.values()]).toEqual(['a little']);
  spool.close();
});

it('removes what a process left behind, and nothing that is not its own', () => {
  writeFileSync(join(root, 'record.staged-12'), 'left');
  mkdirSync(join(root, 'staged'));
  mkdirSync(join(root, 'record.staged-2'));
  for (const name of [
    'record.staged-1.csv',
    'my record.staged-1',
    join('staged', 'orders.csv'),
    join('record.staged-2', 'record.staged-3'),
  ]) {
    writeFileSync(join(root, name), 'kept');
  }
  symlinkSync(join(root, 'staged', 'orders.csv'), join(root, 'record.staged-4'));
  removeSpools(root);
  expect(readdirSync(root, { recursive: true })).toHaveLength(7);
  for (const name of [
    'my record.staged-1',
    'record.staged-1.csv',
    'record.staged-2',
    join('record.staged-2', 'record.staged-3'),
    'record.staged-4',
    'staged',
    join('staged', 'orders.csv'),
  ]) {
    expect(existsSync(join(root, name))).toBe(true);
  }
  expect(readFileSync(join(root, 'record.staged-4'), 'utf8')).toBe('kept');
});

it('writes into no file that is there already, nor through a link', () => {
  writeFileSync(join(root, 'orders.csv'), 'kept');
  symlinkSync(join(root, 'orders.csv'), join(root, 'record.staged-1'));
  expect(() => createSpool<string>(root, 1).add('much', 3_000_000)).toThrow('EEXIST');
  expect(readFileSync(join(root, 'orders.csv'), 'utf8')).toBe('kept');
});
