import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeFileAtomically } from './files.ts';

/** What the next opened file fails with, and at which call. */
const fault = vi.hoisted(() => ({ at: undefined as 'writeFile' | 'sync' | undefined }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const open: typeof real.open = async (path, flags, mode) => {
    const file = await real.open(path, flags, mode);
    const { at } = fault;
    if (at !== undefined) Object.assign(file, { [at]: fullDisk });
    return file;
  };
  return { ...real, open };
});

async function fullDisk(this: FileHandle): Promise<never> {
  // What a full disk leaves: the beginning of the content.
  await this.write('{"unfini');
  throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

describe('writeFileAtomically', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-files-'));
  });
  afterEach(() => {
    fault.at = undefined;
    rmSync(folder, { recursive: true });
  });

  it('writes text and bytes, replaces what was there, and leaves nothing else', async () => {
    const path = join(folder, 'state.json');
    await writeFileAtomically(path, 'before');
    await writeFileAtomically(path, new TextEncoder().encode('after'));
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(readdirSync(folder)).toEqual(['state.json']);
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('gives one of several writers of the same file the last word, whole', async () => {
    const path = join(folder, 'state.json');
    const contents = Array.from({ length: 8 }, (_, writer) => String(writer).repeat(200_000 + writer));
    await Promise.all(contents.map((content) => writeFileAtomically(path, content)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(folder)).toEqual(['state.json']);
  });

  it.each(['writeFile', 'sync'] as const)('keeps the old file and leaves no other when the disk is full at %s', async (at) => {
    const path = join(folder, 'state.json');
    writeFileSync(path, 'old');
    fault.at = at;
    await expect(writeFileAtomically(path, 'new')).rejects.toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['state.json']);
    fault.at = undefined;
    await writeFileAtomically(path, 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
  });

  it('leaves nothing behind when the target cannot be replaced', async () => {
    const path = join(folder, 'taken');
    mkdirSync(join(path, 'inside'), { recursive: true });
    await expect(writeFileAtomically(path, 'text')).rejects.toThrow(/EISDIR|ENOTEMPTY|EPERM|EEXIST/);
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  it('says so when there is no such folder', async () => {
    await expect(writeFileAtomically(join(folder, 'absent', 'state.json'), 'text')).rejects.toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});
