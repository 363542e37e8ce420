import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate as immediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunId } from '../spec/identifiers.ts';
import { indexingSetting } from '../spec/indexing.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { commitLines, describeStoreConformance } from '../testing/store-conformance.ts';
import { createSeededRandom } from '../util/random.ts';
import { openStore } from './open-store.ts';
import { isLocked } from './sqlite/lock.ts';
import type { Store } from '../spec/store.ts';

let directory = '';
const opened: Store[] = [];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'millrace-store-')), 'data');
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

async function open(mode: 'write' | 'read' = 'write'): Promise<Store> {
  const store = await openStore({ directory, mode, clock: createManualClock(), random: createSeededRandom(1), readers: 1 });
  opened.push(store);
  return store;
}

describeStoreConformance({ describe, it }, 'SQLite store', () => open());

describe('openStore', () => {
  it('makes a private directory that version control leaves alone', async () => {
    await open();
    if (process.platform !== 'win32') expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(directory, '.gitignore'), 'utf8')).toBe('*\n');
  });

  it('leaves alone what else lies in its directory', async () => {
    mkdirSync(join(directory, 'staged'), { recursive: true });
    writeFileSync(join(directory, 'staged', 'document-1'), 'orders');
    await open();
    expect(readFileSync(join(directory, 'staged', 'document-1'), 'utf8')).toBe('orders');
  });

  it('fails a call whose value cannot be copied alone, not those of the same turn', async () => {
    const store = await open();
    const calls = [store.writeSetting('a', 1), store.writeSetting('b', () => 2), store.writeSetting('c', 3)];
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await Promise.all(['a', 'b', 'c'].map((key) => store.readSetting(key)))).toEqual([1, undefined, 3]);
  });

  it('commits long documents whole, beside short ones', async () => {
    const store = await open();
    const texts = [20, 3_000, 1, 2_600].map((lines, place) =>
      Array.from({ length: lines }, (_, line) => `text ${place} line ${line} with a ${'🦀'.repeat(200)}`).join('\n'),
    );
    const outcomes = await store.commit(texts.map((text, place) => commitLines(`key ${place}`, text)));
    expect(outcomes.map(({ chunks }) => chunks?.length)).toEqual([20, 3_000, 1, 2_600]);
    for (const [place, text] of texts.entries()) {
      const source = await store.readSource('main', `key ${place}`);
      // Around where one portion of the text ends.
      const [start, end] = [Math.max(0, 1024 * 1024 - 500), Math.min(text.length, 1024 * 1024 + 500)];
      expect(await store.readSpan(source?.document ?? ('' as never), start, Math.max(start, end))).toBe(text.slice(start, end));
    }
    expect(await store.verify()).toMatchObject({ problems: [] });
  });

  it('gives up a long document in the middle of its commit when it is not wanted any more, and goes on', async () => {
    const store = await open();
    const operation = commitLines('long', 'a line');
    if (operation.type !== 'commitDocument') throw new Error('It is a document.');
    const staged = store.stageDocument();
    for (let portion = 0; portion < 20; portion += 1) await staged.add({ text: `${portion} `.repeat(60_000) });
    const document = { ...operation.document, text: '', pages: [], blocks: [], chunks: [] };
    const committing = store.commit([{ ...operation, document, staged: staged.number }]);
    const beside = store.commit([commitLines('short', 'another line')]);
    await Promise.all([expect(committing).rejects.toMatchObject({ code: 'E_CANCELLED' }), staged.forget()]);
    expect(await beside).toMatchObject([{ done: true }]);
    expect((await store.listSources('main')).map(({ key }) => key)).toEqual(['short']);
    expect(await store.verify()).toMatchObject({ problems: [], checked: { documents: 1 } });
  });

  it('refuses a second writer, names the first, and lets readers in', async () => {
    const writer = await open();
    await expect(open()).rejects.toMatchObject({ code: 'E_LOCKED', message: expect.stringContaining(`process ${process.pid}`) as string });
    const reader = await open('read');
    await writer.commit([commitLines('a', 'fresh words')]);
    expect(await reader.searchText('fresh', { collection: 'main' }, 5)).toHaveLength(1);
    await expect(reader.commit([commitLines('b', 'x')])).rejects.toMatchObject({ code: 'E_STORE_FAILED' });
    await writer.close();
    const next = await open();
    expect(await next.readSource('main', 'a')).toBeDefined();
  });

  it('tells readers that work goes on while somebody writes, and that it was interrupted when nobody does, whatever has its number', async () => {
    const run = 'run-1' as RunId;
    const key = indexingSetting('main');
    const indexing = { state: 'running', found: 9, allFound: true, settled: 3, chunks: 5, embeddedChunks: 2 };
    const seen = async (store: Store): Promise<unknown[]> => [
      (await store.readRun(run))?.state,
      ...(await store.listRuns()).map(({ state }) => state),
      ((await store.readSetting(key)) as typeof indexing).state,
    ];
    const writer = await open();
    await writer.commit([{ type: 'createRun', run, kind: 'ask-many', definition: {}, items: [], at: 1 }]);
    await writer.writeSetting(key, indexing);
    const reader = await open('read');
    expect(await seen(reader)).toEqual(['running', 'running', 'running']);
    // As it is left by a process that is killed, whose number is another's by now.
    await writer.close();
    writeFileSync(join(directory, 'owner.json'), JSON.stringify({ pid: process.pid, command: 'another', startedAt: 1 }));
    expect(await seen(reader)).toEqual(['interrupted', 'interrupted', 'interrupted']);
    expect(await reader.readSetting(key)).toEqual({ ...indexing, state: 'interrupted' });
  });

  it('opens for writing while readers look whether somebody writes', async () => {
    await (await open()).close();
    for (let round = 0; round < 20; round += 1) {
      let opening = true;
      const looking = (async () => {
        while (opening) {
          isLocked(directory);
          await immediate();
        }
      })();
      const writer = await open();
      expect(isLocked(directory)).toBe(true);
      await writer.close();
      opening = false;
      await looking;
    }
    expect(isLocked(directory)).toBe(false);
  });

  it('says that there is no record, or that it is newer', async () => {
    await expect(open('read')).rejects.toMatchObject({ code: 'E_STORE_MISSING' });
    await (await open()).close();
    const db = new Database(join(directory, 'record.sqlite'));
    db.pragma('user_version = 999');
    db.close();
    await expect(open('read')).rejects.toMatchObject({ code: 'E_STORE_VERSION' });
    await expect(open()).rejects.toMatchObject({ code: 'E_STORE_VERSION' });
  });

  it('never gives out text that differs from what was committed', async () => {
    const store = await open();
    const [outcome] = await store.commit([commitLines('a', 'true words')]);
    await store.close();
    const db = new Database(join(directory, 'record.sqlite'));
    db.exec(`UPDATE document_texts SET text = 'false word'`);
    db.close();
    const reader = await open('read');
    await expect(reader.readChunks(outcome?.chunks ?? [])).rejects.toMatchObject({ code: 'E_STORE_CORRUPT' });
    expect((await reader.verify()).ok).toBe(false);
  });

  it('keeps every acknowledged commit when the writer is killed', async () => {
    const entry = fileURLToPath(new URL('../../test/support/store-writing-child.ts', import.meta.url));
    const child = spawn(process.execPath, [entry, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const acknowledged: number[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(Number(line));
      if (acknowledged.length === 20) child.kill('SIGKILL');
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(20);
    const store = await open();
    const keys = new Set((await store.listSources('main')).map((source) => source.key));
    expect(acknowledged.filter((number) => !keys.has(`key-${number}`))).toEqual([]);
    expect(await store.verify()).toMatchObject({ ok: true });
  });
});
