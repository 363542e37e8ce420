import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFakeEmbedder, openFakeMill } from '../../src/testing/index.ts';
import { systemClock } from '../../src/util/clock.ts';

const files = Number(process.env['MILLRACE_FILES'] ?? 100_000);
const filesOfFolder = 1_000;

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-many-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Every tenth name is a hard link to the file before it. */
function writeFiles(folder: string): void {
  let before = '';
  for (let number = 0; number < files; number += 1) {
    const place = join(folder, `${Math.floor(number / filesOfFolder)}`);
    if (number % filesOfFolder === 0) mkdirSync(place, { recursive: true });
    const path = join(place, `${number}.txt`);
    if (number % 10 === 9) linkSync(before, path);
    else writeFileSync(path, `The mill has wheel ${number}.`);
    before = path;
  }
}

it(`T26: ${files} files, hard links among them, are read once each, and told unchanged by the next call`, async () => {
  const folder = join(root, 'files');
  writeFiles(folder);
  const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64 });
  const directory = join(root, 'directory');
  const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, embedders: [embedder] });
  try {
    const first = await mill.ingest([folder], { embed: false }).result();
    process.stdout.write(`${files} files in ${first.elapsedMs} ms, ${Math.round(process.memoryUsage.rss() / 1024 ** 2)} MB\n`);
    expect(first).toMatchObject({ found: files, skipped: 0, failed: 0, quarantined: 0, indexed: files });
    const second = await mill.ingest([folder], { embed: false, reread: false }).result();
    process.stdout.write(`unchanged in ${second.elapsedMs} ms\n`);
    expect(second).toMatchObject({ found: files, indexed: 0, skipped: files, failed: 0 });
    expect((await mill.status()).collections[0]).toMatchObject({ sources: files });
    expect((await mill.verify()).problems).toEqual([]);
  } finally {
    await mill.close();
  }
}, 7_200_000);
