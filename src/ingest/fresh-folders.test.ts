import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../testing/manual-clock.ts';
import { createFreshFolders, type FreshFolders } from './fresh-folders.ts';

let folder: string;
let clock: ManualClock;
let fresh: FreshFolders;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-fresh-')));
  clock = createManualClock();
  fresh = createFreshFolders({ clock, waitMs: 200, settleMs: 100, most: 5, isCovered: () => true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'A text.');
  return path;
}

/** What is found after so much more time. */
async function after(ms: number): Promise<readonly string[]> {
  await clock.advance(ms);
  return fresh.takeUntold();
}

describe('new folders of those that are watched', () => {
  it('give files that nobody told of, once they stand still', async () => {
    const [whole, growing, told, gone, toldLater] = ['a', 'b', 'c', 'd', 'e'].map((name) => write(`new/${name}.txt`));
    fresh.add(join(folder, 'new'));
    fresh.tell(told ?? '');
    expect(await after(199)).toEqual([]);
    expect(await after(1)).toEqual([]);
    fresh.tell(toldLater ?? '');
    rmSync(gone ?? '');
    appendFileSync(growing ?? '', ' More.');
    expect(await after(99)).toEqual([]);
    expect(await after(1)).toEqual([whole]);
    appendFileSync(growing ?? '', ' More.');
    expect(await after(100)).toEqual([]);
    expect(fresh.size).toBe(1);
    expect(await after(100)).toEqual([growing]);
    expect(fresh.size).toBe(0);
  });

  it('are looked through together with the one that they lie in, which waits for the last of them', async () => {
    const path = write('new/sub/deep/a.txt');
    for (const name of ['new', 'new/sub']) fresh.add(join(folder, name));
    expect(fresh.size).toBe(1);
    expect(await after(150)).toEqual([]);
    fresh.add(join(folder, 'new/sub/deep'));
    expect(fresh.size).toBe(1);
    expect(await after(150)).toEqual([]);
    expect(await after(50)).toEqual([]);
    expect(await after(100)).toEqual([path]);
    expect(await after(1_000)).toEqual([]);
  });

  it('keep no more in mind than they may', async () => {
    for (let index = 0; index < 20; index += 1) write(`new/${index}.txt`);
    fresh.add(join(folder, 'new'));
    expect(await after(200)).toEqual([]);
    expect(fresh.size).toBe(6);
    fresh.clear();
    expect(fresh.size).toBe(0);
    expect(await after(1_000)).toEqual([]);
  });
});
