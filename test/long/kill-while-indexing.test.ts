import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open-store.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createSeededRandom, systemRandom } from '../../src/util/random.ts';

const rounds = Number(process.env['MILLRACE_ROUNDS'] ?? 6);
const seed = Number(process.env['MILLRACE_SEED'] ?? 1);
const dimensions = 64;
const entry = fileURLToPath(new URL('../support/vector-writing-child.ts', import.meta.url));

let directory = '';
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'millrace-kill-')), 'data');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

interface Acknowledged {
  readonly keys: string[];
  vectors: number;
}

/** Runs the child until it has said so many lines, kills it at once, and gives what it had acknowledged. */
async function runUntilKilled(prefix: string, lines: number): Promise<Acknowledged> {
  const child = spawn(process.execPath, [entry, directory, prefix], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: Acknowledged = { keys: [], vectors: 0 };
  let left = lines;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, value = ''] = line.split(' ');
    if (what === 'document') acknowledged.keys.push(value);
    else acknowledged.vectors += Number(value);
    left -= 1;
    if (left === 0) child.kill('SIGKILL');
  }
  return acknowledged;
}

describe('kill -9 while vectors are committed and the vector index is written', () => {
  it('loses nothing that was acknowledged and leaves an index that agrees with the record', async () => {
    process.stdout.write(`seed ${seed}, ${rounds} rounds (MILLRACE_SEED, MILLRACE_ROUNDS)\n`);
    const random = createSeededRandom(seed);
    const keys: string[] = [];
    let vectors = 0;
    for (let round = 0; round < rounds; round += 1) {
      const acknowledged = await runUntilKilled(`round${round}`, 2 + Math.floor(random.float() * 60));
      keys.push(...acknowledged.keys);
      vectors += acknowledged.vectors;
      const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom });
      const there = new Set((await store.listSources('main')).map((source) => source.key));
      expect(keys.filter((key) => !there.has(key))).toEqual([]);
      const report = await store.verify();
      expect(report.problems).toEqual([]);
      expect(report.checked.vectors).toBeGreaterThanOrEqual(vectors);
      // What was in flight at the kill may be there without having been acknowledged.
      vectors = report.checked.vectors;
      const [chunk] = (await store.searchText('line 7', { collection: 'main' }, 1)).map((hit) => hit.chunk);
      if (chunk !== undefined && vectors > 0) {
        const query = Float32Array.from({ length: dimensions }, (_, axis) => Math.sin((chunk + 1) * (axis + 1) * 0.37));
        const [hit] = await store.searchVectors(query, 'e', { collection: 'main' }, 1);
        expect(hit?.score).toBeGreaterThan(0.99);
      }
      await store.rebuild();
      expect((await store.verify()).problems).toEqual([]);
      await store.close();
      const folder = join(directory, 'index');
      const files = existsSync(folder) ? readdirSync(folder) : [];
      expect(files.filter((name) => name.endsWith('.partial'))).toEqual([]);
      expect(files.length).toBeLessThanOrEqual(2);
    }
  });
});
