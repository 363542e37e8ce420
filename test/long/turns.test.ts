import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { open } from '../../src/index.ts';
import { pathological } from '../../src/parse/fixtures/pathological.ts';
import { writeZip } from '../../src/parse/fixtures/write-zip.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createTurnMonitor } from '../../src/util/turn-monitor.ts';
import { testModel, withoutModels } from '../model/models.ts';

/** Most processor time of the main thread that one turn of ours may take, ms (I8). */
const longestTurnMs = 50;

let root = '';
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'millrace-turns-'));
  if (!withoutModels) await testModel('minilm-l6');
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

function writeHostile(folder: string): void {
  for (const { name, of, make } of pathological) {
    const place = join(folder, `${name}-${of.replaceAll(/\W+/g, '-')}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, name), make(100_000));
  }
  writeFileSync(join(folder, 'long.txt'), 'The mill ground seven sacks of rye. '.repeat(400_000));
  writeFileSync(join(folder, 'one-line.txt'), 'rye'.repeat(4_000_000));
  writeFileSync(join(folder, 'bomb.zip'), writeZip({ 'a.txt': Buffer.alloc(12 * 1024 * 1024) }));
  writeFileSync(
    join(folder, 'many.zip'),
    writeZip(Array.from({ length: 2_000 }, (_, number) => ({ name: `${number}.txt`, content: `Mill ${number}.` }))),
  );
}

it.skipIf(withoutModels)(
  'T47: a folder of hostile files holds the main thread for no long turn',
  { timeout: 600_000 },
  async ({ skip }) => {
    const folder = join(root, 'files');
    writeHostile(folder);
    writeFileSync(join(root, 'first.txt'), 'A text.');
    const mill = await open({ directory: join(root, 'data'), workingDirectory: root });
    const monitor = createTurnMonitor(systemClock);
    try {
      // What is compiled and loaded for the first file is not measured.
      await mill.ingest([join(root, 'first.txt')], { embed: false }).result();
      if (monitor.read().longestTurnCpuMs === null) skip('this Node.js does not tell the processor time of a thread');
      const { indexed, failed } = await mill.ingest([folder], { embed: false }).result();
      expect(indexed).toBeGreaterThan(2_000);
      expect(failed).toBeGreaterThan(0);
      expect(monitor.read().longestTurnCpuMs).toBeLessThan(longestTurnMs);
    } finally {
      monitor.stop();
      await mill.close();
    }
  },
);
