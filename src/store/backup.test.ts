import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../spec/store.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { commitLines } from '../testing/store-conformance.ts';
import { sha256 } from '../util/hash.ts';
import { createSeededRandom } from '../util/random.ts';
import { openStore } from './open-store.ts';
import { lockPartial } from './sqlite/lock.ts';

let root = '';
let directory = '';
const opened: Store[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-backup-'));
  directory = join(root, 'data');
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  rmSync(root, { recursive: true, force: true });
});

async function open(place = directory): Promise<Store> {
  const store = await openStore({ directory: place, mode: 'write', clock: createManualClock(), random: createSeededRandom(1), readers: 1 });
  opened.push(store);
  return store;
}

const kept = {
  source: { key: 'kept', uri: 'kept', metadata: {}, contentType: 'text/plain' },
  bytes: new TextEncoder().encode('these bytes'),
};

/** Lets go who waits at a pipe for what is written to it; nothing where nobody waits. */
function releaseReader(pipe: string): void {
  try {
    closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
  }
}

describe('backup', () => {
  it('T14: is a whole directory of one moment, made while documents come in', async () => {
    const store = await open();
    await store.acceptSources('main', [kept]);
    await store.commit(Array.from({ length: 50 }, (_, number) => commitLines(`before-${number}`, `text ${number}\nof the mill`)));
    let writing = true;
    const more = (async () => {
      let number = 0;
      for (; writing; number += 1) await store.commit([commitLines(`during-${number}`, `later text ${number}`)]);
      return number;
    })();
    const target = join(root, 'copies', 'monday');
    await store.backup(target);
    writing = false;
    expect(await more).toBeGreaterThan(0);
    await expect(store.backup(target)).rejects.toMatchObject({ code: 'E_OUTPUT_EXISTS' });

    const copy = await open(target);
    expect((await copy.verify()).problems).toEqual([]);
    const keys = (await copy.listSources('main')).map(({ key }) => key);
    expect(keys.filter((key) => key.startsWith('before-'))).toHaveLength(50);
    expect(Buffer.from(await copy.readBlob(sha256('these bytes'))).toString()).toBe('these bytes');
    expect(readdirSync(join(root, 'copies'))).toEqual(['monday']);
  });

  it('is refused where a file is in its place, or in that of its folder', async () => {
    const store = await open();
    writeFileSync(join(root, 'file'), 'mine');
    for (const target of [join(root, 'file'), join(root, 'file', 'monday')]) {
      await expect(store.backup(target)).rejects.toMatchObject({
        code: 'E_OUTPUT_EXISTS',
        message: `${join(root, 'file')} is a file, where a folder is to be.`,
      });
    }
  });

  it('leaves alone what a user calls as it might call what is not whole yet, and removes what an ended process left', async () => {
    const store = await open();
    const own = ['monday.partial', `monday.${process.pid}.partial`, `tuesday.999999999.${randomUUID()}.partial`];
    for (const name of own) {
      mkdirSync(join(root, 'copies', name), { recursive: true });
      writeFileSync(join(root, 'copies', name, 'mine.txt'), 'mine');
    }
    // In a container a process has the number of the one before it.
    for (const pid of [999_999_999, process.pid]) mkdirSync(join(root, 'copies', `monday.${pid}.${randomUUID()}.partial`));
    // Nor does the number of a process that runs say anything where the lock is free.
    const ofRunning = (): string => {
      const name = `monday.${process.ppid}.${randomUUID()}.partial`;
      mkdirSync(join(root, 'copies', name));
      return name;
    };
    const [abandoned, locked, beginning, beingLocked] = [ofRunning(), ofRunning(), ofRunning(), ofRunning()];
    for (const file of ['lock.sqlite', 'being-made']) writeFileSync(join(root, 'copies', abandoned, file), '');
    // As it is for a moment while the lock is taken, and while it is given back.
    writeFileSync(join(root, 'copies', beingLocked, 'lock.sqlite'), '');
    const lock = lockPartial(join(root, 'copies', locked));
    try {
      await store.backup(join(root, 'copies', 'monday'));
      expect(readdirSync(join(root, 'copies')).toSorted()).toEqual(['monday', locked, beginning, beingLocked, ...own].toSorted());
      expect(readdirSync(join(root, 'copies', locked))).toContain('being-made');
    } finally {
      lock.release();
    }
    expect(readdirSync(join(root, 'copies', locked))).toEqual([]);
    expect(readdirSync(join(root, 'copies', 'monday'))).toEqual(['.gitignore', 'blobs', 'record.sqlite']);
  });

  it('is taken for one that was left when its process was ended in the middle', async () => {
    const store = await open();
    await store.commit([commitLines('a', 'a line')]);
    const copies = join(root, 'copies');
    const left = `monday.${process.ppid}.${randomUUID()}.partial`;
    mkdirSync(join(copies, left), { recursive: true });
    const lockModule = new URL('./sqlite/lock.ts', import.meta.url).href;
    const script = `(await import(${JSON.stringify(lockModule)})).lockPartial(process.argv[1]); process.kill(process.pid, 'SIGKILL');`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script, join(copies, left)]);
    expect(signal).toBe('SIGKILL');
    expect(readdirSync(join(copies, left))).toContain('being-made');
    await store.backup(join(copies, 'monday'));
    expect(readdirSync(copies)).toEqual(['monday']);
  });

  it.skipIf(process.platform === 'win32')('spares another that is being made, and leaves nothing where it is aborted', async () => {
    const store = await open();
    const copies = join(root, 'copies');
    mkdirSync(copies);
    await store.acceptSources('main', [kept]);
    const blob = join(directory, 'blobs', sha256('these bytes'));
    // Copying waits at a pipe until somebody opens its other end: no backup gets past it before it is aborted.
    rmSync(blob);
    execFileSync('mkfifo', [blob]);
    const controllers = [new AbortController(), new AbortController()];
    const backups: Promise<void>[] = [];
    let settled = 0;
    for (const { signal } of controllers) {
      const backup = store.backup(join(copies, 'monday'), { signal }).finally(() => (settled += 1));
      backup.catch(() => undefined);
      backups.push(backup);
      while (settled === 0 && readdirSync(copies).length < backups.length) await immediate();
    }
    const partials = readdirSync(copies);
    for (const controller of controllers) controller.abort(new Error('enough'));
    for (await immediate(); settled < 2; await immediate()) releaseReader(blob);
    const aborted = { status: 'rejected', reason: { message: 'enough' } };
    expect(await Promise.allSettled(backups)).toMatchObject([aborted, aborted]);
    expect(partials).toHaveLength(2);
    expect(readdirSync(copies)).toEqual([]);

    rmSync(blob);
    writeFileSync(blob, 'these bytes');
    await store.backup(join(copies, 'monday'));
    expect(readdirSync(copies)).toEqual(['monday']);
  });
});
