import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openToOthers } from './open-to-others.ts';

/** Whether others could reach what tests make: where the folder for temporary files is the user's own, they cannot. */
function isShared(folder: string): boolean {
  return (statSync(folder).mode & 0o011) !== 0 && (dirname(folder) === folder || isShared(dirname(folder)));
}

describe.skipIf(process.platform === 'win32' || !isShared(tmpdir()))('openToOthers', () => {
  let root = '';
  let directory = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'millrace-modes-'));
    chmodSync(root, 0o755);
    directory = join(root, 'data');
    mkdirSync(join(directory, 'blobs'), { recursive: true });
    for (const name of ['.gitignore', 'record.sqlite', 'lock.sqlite', join('blobs', 'a')]) writeFileSync(join(directory, name), 'x');
    set(0o755, 0o600, 0o755);
    chmodSync(join(directory, '.gitignore'), 0o644);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function set(folder: number, files: number, blobs: number): void {
    chmodSync(directory, folder);
    for (const name of ['record.sqlite', 'lock.sqlite', join('blobs', 'a')]) chmodSync(join(directory, name), files);
    chmodSync(join(directory, 'blobs'), blobs);
  }

  it('says nothing where there is none, and where all is private, or every file of it', async () => {
    expect(await openToOthers(join(root, 'missing'))).toBeUndefined();
    expect(await openToOthers(directory)).toBeUndefined();
    set(0o700, 0o644, 0o755);
    expect(await openToOthers(directory)).toBeUndefined();
  });

  it('names the files that others can read, and how to keep them, and changes nothing', async () => {
    set(0o755, 0o644, 0o700);
    expect(await openToOthers(directory)).toBe(
      `Other users can read lock.sqlite, record.sqlite in ${directory}. If that is not meant so: chmod -R go= "${directory}"`,
    );
    set(0o750, 0o640, 0o750);
    for (const name of ['x', 'y']) writeFileSync(join(directory, name), '', { mode: 0o644 });
    expect(await openToOthers(directory)).toContain('Other users can read blobs/a, lock.sqlite, record.sqlite and 2 more files in ');
    expect(statSync(join(directory, 'record.sqlite')).mode & 0o777).toBe(0o640);
  });

  it('says that they can replace files, and nothing where they cannot get there', async () => {
    set(0o777, 0o600, 0o700);
    expect(await openToOthers(directory)).toMatch(/^Other users can put files into \S+ and replace those in it\. /);
    chmodSync(root, 0o700);
    expect(await openToOthers(directory)).toBeUndefined();
  });
});
