import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly path: string;
  unmount(): void;
}

/** A file system of its own with room for so many MiB, or in words why there can be none here. */
export function mountSmallDisk(mebibytes: number): SmallDisk | string {
  if (process.platform !== 'linux') return 'a small file system is only mounted on Linux';
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const path = mkdtempSync(join(tmpdir(), 'millrace-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    rmSync(path, { recursive: true });
    return `mount refused: ${error instanceof Error ? (error.message.split('\n').at(-1) ?? '') : String(error)}`;
  }
  return {
    path,
    unmount() {
      execFileSync('umount', ['-l', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
