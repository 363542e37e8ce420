import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCrashRounds } from '../bench/crash/rounds.ts';
import { faultPointNames } from '../src/spec/faults.ts';
import { createFakeEmbedder, openFakeMill } from '../src/testing/index.ts';
import { systemClock } from '../src/util/clock.ts';
import { createSeededRandom } from '../src/util/random.ts';
import { contend } from './support/contention.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? 1);
const randomKills = 30;

const indexChild = fileURLToPath(new URL('support/index-writing-child.ts', import.meta.url));
/** Steps that only a collection of thousands of chunks passes. */
const ofIndex = /^(?:index-|coverage-|old-index-)/u;
/** A step that only a long document passes (`src/ingest/long-text.test.ts`). */
const ofLong = 'portion-staged';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-crash-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function rounds(withSeed: number) {
  const random = createSeededRandom(withSeed);
  return createCrashRounds(root, () => random.float(), { ...process.env, NODE_COMPILE_CACHE: join(root, 'compiled') });
}

/** What the directory answers, after everything was ingested: texts of the best passages for some questions. */
async function answers(directory: string): Promise<readonly (readonly string[])[]> {
  const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64 });
  const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, embedders: [embedder] });
  try {
    const report = await mill.verify();
    expect(report.problems).toEqual([]);
    const [status] = (await mill.status()).collections;
    expect(status?.embeddedChunks).toBe(status?.chunks);
    const found: string[][] = [];
    for (const query of ['wheel with 7 boards', 'the mill by the river', 'document of life 3']) {
      const { hits } = await mill.search(query, { limit: 100 });
      found.push(
        hits
          .filter(({ source }) => source.endsWith('.txt'))
          .map(({ text }) => text)
          .toSorted(),
      );
    }
    return found;
  } finally {
    await mill.close();
  }
}

describe('T01, T02: kill -9', () => {
  it('at every named step loses nothing that was acknowledged, duplicates nothing, and leaves what an undisturbed run finds', async () => {
    const crashing = rounds(seed);
    // A directory is made once: its steps come first, each in a life that finds what the one before has left.
    for (const name of faultPointNames) {
      if (ofIndex.test(name) || name === ofLong) continue;
      // Only what is on record can vanish.
      if (name === 'source-vanished') await crashing.live(undefined);
      await crashing.live({ fault: `${name}:1:kill` });
    }
    await crashing.live(undefined);
    const { problems, kills, survived, lives } = crashing.figures();
    expect(problems).toEqual([]);
    expect(survived).toEqual([]);
    expect(kills).toBe(lives - 2);

    const undisturbed = join(root, 'undisturbed');
    const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64 });
    const mill = await openFakeMill({ directory: undisturbed, clock: systemClock, isolation: false, embedders: [embedder] });
    await mill.ingest([join(root, 'documents')]).result();
    await mill.close();
    expect(await answers(join(root, 'directory'))).toEqual(await answers(undisturbed));
  }, 120_000);

  it(`at ${randomKills} random moments loses and duplicates nothing`, async () => {
    const crashing = rounds(seed + 1);
    const random = createSeededRandom(seed + 2);
    for (let kill = 0; kill < randomKills; kill += 1) await crashing.live({ afterLines: 2 + Math.floor(random.float() * 14) });
    await crashing.live(undefined);
    const { problems, kills, survived } = crashing.figures();
    expect(problems).toEqual([]);
    expect(kills + survived.length).toBe(randomKills);
    expect(kills).toBeGreaterThan(randomKills / 2);
    await answers(join(root, 'directory'));
  }, 120_000);

  it('at every step of writing the vector index leaves one that agrees with the record, or none', async () => {
    const directory = join(root, 'directory');
    const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64 });
    const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, embedders: [embedder] });
    await mill.ingest(Array.from({ length: 20 }, (_, number) => ({ id: `${number}`, text: `Text ${number} of the mill.` }))).result();
    for (const name of faultPointNames.filter((one) => ofIndex.test(one))) {
      const child = spawn(process.execPath, [indexChild, directory], {
        stdio: 'inherit',
        env: { ...process.env, MILLRACE_FAULT: `${name}:1:kill` },
      });
      expect(await new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal)))).toBe('SIGKILL');
      expect((await mill.verify()).problems).toEqual([]);
    }
    await mill.close();
  });
});

describe('T10: many writers with the same documents', () => {
  it('in four processes take turns, the others are refused at once, and every document is there once', async () => {
    const { ends, recall, problems, ...figures } = await contend({ root, writers: 4, documents: 500, sections: 1 });
    expect(ends.reduce((sum, { indexed }) => sum + indexed, 0)).toBe(500);
    expect(ends.map(({ indexed, skipped, failed }) => [indexed + skipped, failed])).toEqual(Array.from({ length: 4 }, () => [500, 0]));
    expect(figures).toEqual({ sources: 500, documents: 500, chunks: 500, embeddedChunks: 500 });
    expect(problems).toEqual([]);
    expect(recall).toBeGreaterThanOrEqual(0.95);
  });

  it('in sixteen calls of one process leave every document once', async () => {
    const handed = Array.from({ length: 100 }, (_, number) => ({ id: `${number}`, text: `Text ${number} of the mill.` }));
    const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64 });
    const directory = join(root, 'directory');
    const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, embedders: [embedder] });
    try {
      const ends = await Promise.all(Array.from({ length: 16 }, () => mill.ingest(handed).result()));
      expect(ends.map(({ found, indexed, skipped }) => [found, indexed + skipped])).toEqual(Array.from({ length: 16 }, () => [100, 100]));
      expect((await mill.status()).collections[0]).toMatchObject({ sources: 100, documents: 100, chunks: 100, embeddedChunks: 100 });
      expect((await mill.verify()).problems).toEqual([]);
    } finally {
      await mill.close();
    }
  });
});
