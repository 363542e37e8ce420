import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCrashRounds } from '../../bench/crash/rounds.ts';
import { faultPointNames } from '../../src/spec/faults.ts';
import { createSeededRandom } from '../../src/util/random.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? 1);
const kills = Number(process.env['MILLRACE_KILLS'] ?? 1_000);
const minutes = Number(process.env['MILLRACE_MINUTES'] ?? 60);

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-crash-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it(`kill -9 ${kills} times, at named steps and at random moments, loses and duplicates nothing`, async () => {
  process.stdout.write(`seed ${seed}, ${kills} kills, at most ${minutes} minutes (MILLRACE_SEED, MILLRACE_KILLS, MILLRACE_MINUTES)\n`);
  const begun = performance.now();
  const random = createSeededRandom(seed);
  const crashing = createCrashRounds(root, () => random.float(), { ...process.env, NODE_COMPILE_CACHE: join(root, 'compiled') });
  while (crashing.figures().kills < kills && performance.now() - begun < minutes * 60_000) {
    const name = faultPointNames[Math.floor(random.float() * faultPointNames.length)] ?? '';
    const death =
      random.float() < 0.5
        ? { fault: `${name}:${1 + Math.floor(random.float() * 3)}:kill` }
        : { afterLines: 2 + Math.floor(random.float() * 14) };
    await crashing.live(death);
    expect(crashing.figures().problems, `seed ${seed}, life ${crashing.figures().lives}`).toEqual([]);
  }
  await crashing.live(undefined);
  const { acknowledged, problems, longestOpenMs, kills: killed, lives } = crashing.figures();
  process.stdout.write(`${killed} kills in ${lives} lives, ${acknowledged} acknowledged, longest start ${Math.round(longestOpenMs)} ms\n`);
  expect(problems).toEqual([]);
}, 7_200_000);
