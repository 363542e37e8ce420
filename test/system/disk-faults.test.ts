import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open-store.ts';
import { commitLines } from '../../src/testing/store-conformance.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createSeededRandom, systemRandom } from '../../src/util/random.ts';
import { powerLoss, tracedCalls } from '../support/power-loss.ts';

const child = fileURLToPath(new URL('../support/store-writing-child.ts', import.meta.url));
const works = spawnSync('strace', ['-f', '-qq', '-e', 'trace=none', 'true']).status === 0;
if (!works) process.stdout.write('skipped: strace is not there or may not trace\n');

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-faults-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const commits = 12;

/** What a writer says whose `when`-th such system call fails (`error=EIO`), or ends it (`signal=KILL`), and every one behind it with `onwards`. */
async function write(directory: string, calls: string, fault: string, when: string): Promise<readonly string[]> {
  const inject = ['-f', '-qq', '-o', join(root, 'trace'), '-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}:when=${when}`];
  const writing = spawn('strace', [...inject, process.execPath, child, directory, String(commits)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [said] = await Promise.all([text(writing.stdout), text(writing.stderr)]);
  return said.split('\n').filter((line) => line !== '');
}

/** What is not as it should be: everything acknowledged is there and sound, and the record takes more. */
async function faultsOf(directory: string, said: readonly string[]): Promise<readonly string[]> {
  const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom, readers: 1 });
  try {
    const keys = new Set((await store.listSources('main')).map(({ key }) => key));
    const acknowledged = said.filter((line) => /^\d+$/.test(line));
    await store.commit([commitLines('later', 'one more')]);
    const lost = acknowledged.filter((number) => !keys.has(`key-${number}`)).map((number) => `${number} is lost`);
    return [...lost, ...(await store.verify()).problems];
  } finally {
    await store.close();
  }
}

describe.skipIf(!works)('T03: a process that is killed at a system call', () => {
  const calls: readonly (readonly [string, readonly number[]])[] = [
    ['pwrite64', [1, 2, 3, 5, 8, 13, 21, 34, 55, 90, 120, 150]],
    ['fsync,fdatasync', [1, 2, 3, 5, 8, 13, 18]],
    ['ftruncate', [1, 2, 3]],
    ['unlink', [1, 2, 3]],
    ['rename', [1, 2]],
  ];

  it.each(calls.flatMap(([names, points]) => points.map((point): [string, string] => [names, String(point)])))(
    '%s number %s leaves the state before it or after it, and opens again',
    async (names, when) => {
      const directory = join(root, `kill-${names}-${when}`);
      expect(await faultsOf(directory, await write(directory, names, 'signal=KILL', when))).toEqual([]);
    },
    60_000,
  );
});

describe.skipIf(!works)('T06: the power is cut', () => {
  const states = Number(process.env['MILLRACE_POWER_STATES'] ?? 40);

  it(`at any of ${states} moments leaves a directory that opens and holds what was acknowledged`, async () => {
    const directory = join(root, 'power');
    const trace = join(root, 'power-trace');
    const options = ['-f', '-qq', '-y', '-xx', '-s', '10000000', '-o', trace, '-e', `trace=${tracedCalls}`];
    const writing = spawn('strace', [...options, process.execPath, child, directory, String(commits)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await text(writing.stdout);
    const random = createSeededRandom(6);
    const recorded = readFileSync(trace, 'latin1');
    const calls = powerLoss(recorded, directory);
    let count = 0;
    while (calls.step()) count += 1;
    expect(calls.said).toHaveLength(commits);

    const cuts = Array.from({ length: states }, () => Math.ceil(random.float() * count)).sort((one, two) => one - two);
    const disk = powerLoss(recorded, directory);
    const problems: string[] = [];
    let done = 0;
    for (const [number, cut] of cuts.entries()) {
      for (; done < cut; done += 1) disk.step();
      const state = join(root, `power-${number}`);
      disk.write(state, random);
      const faults = await faultsOf(state, disk.said).catch((error: unknown) => [String(error)]);
      problems.push(...faults.map((fault) => `cut at ${cut} of ${count}: ${fault}`));
    }
    expect(problems).toEqual([]);
  }, 600_000);
});

describe.skipIf(!works)('T04: a system call that fails at any point', () => {
  const points = [1, 13, 55, 90, 120, 150];

  it.each(
    (['EIO', 'ENOSPC', 'EINTR'] as const).flatMap((error) =>
      points.map((point): [string, string, string] => [error, String(point), 'pwrite64']),
    ),
  )(
    '%s at write %s loses nothing that was acknowledged',
    async (error, when, calls) => {
      const directory = join(root, `${error}-${when}`);
      expect(await faultsOf(directory, await write(directory, calls, `error=${error}`, when))).toEqual([]);
    },
    60_000,
  );
});

describe.skipIf(!works)('T07: a sync that fails', () => {
  it.each([1, 5, 10, 13, 18])(
    'once, number %s, is never followed by an acknowledgement',
    async (when) => {
      const directory = join(root, `sync-${when}`);
      const said = await write(directory, 'fsync,fdatasync', 'error=EIO', String(when));
      const failed = said.findIndex((line) => line.startsWith('failed'));
      if (failed !== -1) {
        expect(said.slice(failed).filter((line) => /^\d+$/.test(line))).toEqual([]);
        expect(said.slice(failed).every((line) => /^failed E_STORE_FAILED$/.test(line))).toBe(true);
      }
      expect(await faultsOf(directory, said)).toEqual([]);
    },
    60_000,
  );

  it('from the first one on leaves a directory that opens again', async () => {
    const directory = join(root, 'never');
    const said = await write(directory, 'fsync,fdatasync', 'error=EIO', '1+');
    expect(said.filter((line) => /^\d+$/.test(line))).toEqual([]);
    expect(await faultsOf(directory, said)).toEqual([]);
  }, 60_000);
});
