import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChunkId, DocumentId, RunId } from '../spec/identifiers.ts';
import type { Store } from '../spec/store.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { commitLines } from '../testing/store-conformance.ts';
import { sha256 } from '../util/hash.ts';
import { createSeededRandom } from '../util/random.ts';
import { openStore } from './open-store.ts';

let root = '';
let directory = '';
const opened: Store[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-durability-'));
  directory = join(root, 'data');
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  rmSync(root, { recursive: true, force: true });
});

async function open(mode: 'write' | 'read' = 'write', place = directory, seed = 1): Promise<Store> {
  const store = await openStore({ directory: place, mode, clock: createManualClock(), random: createSeededRandom(seed), readers: 1 });
  opened.push(store);
  return store;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const handed = (key: string, text: string) => ({
  source: { key, uri: key, metadata: {}, contentType: 'text/plain' },
  bytes: bytes(text),
});
const keptFiles = (): readonly string[] => (existsSync(join(directory, 'blobs')) ? readdirSync(join(directory, 'blobs')) : []);

/** Whether any file of the directory holds the text. */
function isAnywhere(text: string): boolean {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).some(
    (entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(text),
  );
}

describe('bytes that a program hands over to be kept', () => {
  it('are on the disk with their source when the call resolves, and there after opening again', async () => {
    const store = await open();
    await store.acceptSources('main', [handed('a', 'first'), handed('b', 'second')]);
    await store.close();
    const again = await open('read');
    const pending = await again.listPending('main', { afterKey: '', limit: 10 });
    expect(pending.map(({ key, blob, contentType, pendingAt }) => [key, blob, contentType, pendingAt !== null])).toEqual([
      ['a', sha256('first'), 'text/plain', true],
      ['b', sha256('second'), 'text/plain', true],
    ]);
    expect(Buffer.from(await again.readBlob(sha256('first'))).toString()).toBe('first');
    if (process.platform !== 'win32') expect(statSync(join(directory, 'blobs', sha256('first'))).mode & 0o777).toBe(0o600);
  });

  it('are kept once when they are handed over several times at once', async () => {
    const store = await open();
    const large = 'the same bytes '.repeat(100_000);
    await Promise.all(Array.from({ length: 4 }, (_, number) => store.acceptSources('main', [handed(`${number}`, large)])));
    expect(keptFiles()).toEqual([sha256(large)]);
    expect(Buffer.from(await store.readBlob(sha256(large))).toString()).toBe(large);
  });

  it('are not pending once a document or a failure of them is committed, unless newer ones came', async () => {
    const store = await open();
    await store.acceptSources('main', [handed('a', 'first'), handed('b', 'first')]);
    const old = { key: 'b', uri: 'b', metadata: {}, blob: sha256('first') };
    await store.acceptSources('main', [handed('b', 'newer')]);
    await store.commit([commitLines('a', 'first'), { ...commitLines('b', 'first'), source: old } as ReturnType<typeof commitLines>]);
    expect((await store.listPending('main', { afterKey: '', limit: 10 })).map(({ key, blob }) => [key, blob])).toEqual([
      ['b', sha256('newer')],
    ]);
  });

  it('go when no source names them any more, also those that a killed process had not yet named', async () => {
    const store = await open();
    await store.acceptSources('main', [handed('a', 'shared'), handed('b', 'shared')]);
    await store.commit([{ type: 'removeSource', collection: 'main', key: 'a', at: 1 }]);
    expect(keptFiles()).toEqual([sha256('shared')]);
    await store.commit([{ type: 'removeSource', collection: 'main', key: 'b', at: 1 }]);
    expect(keptFiles()).toEqual([]);
    writeFileSync(join(directory, 'blobs', sha256('never named')), 'never named');
    writeFileSync(join(directory, 'blobs', `${sha256('half')}.partial`), 'ha');
    await store.close();
    await open();
    expect(keptFiles()).toEqual([]);
  });

  it('are found damaged or missing by reading and by verify', async () => {
    const store = await open();
    await store.acceptSources('main', [handed('a', 'first'), handed('b', 'second')]);
    writeFileSync(join(directory, 'blobs', sha256('first')), 'fIrst');
    rmSync(join(directory, 'blobs', sha256('second')));
    await expect(store.readBlob(sha256('first'))).rejects.toMatchObject({ code: 'E_STORE_CORRUPT' });
    await expect(store.readBlob(sha256('second'))).rejects.toMatchObject({ code: 'E_STORE_CORRUPT' });
    expect((await store.verify()).problems.toSorted()).toEqual(
      [`The kept bytes ${sha256('first')} are damaged.`, `The kept bytes ${sha256('second')} are missing.`].toSorted(),
    );
  });
});

describe('versions of a source', () => {
  it('are remembered, and a document of an older one says what has become of it', async () => {
    const store = await open();
    const [first] = await store.commit([commitLines('a', 'apples')]);
    const [shared] = await store.commit([commitLines('b', 'bananas')]);
    await store.commit([commitLines('a', 'bananas')]);
    const [recut] = await store.commit([commitLines('b', 'bananas', {}, 'coarser')]);
    expect((await store.listVersions('main', 'a')).map(({ number, document, until }) => [number, document, until !== null])).toEqual([
      [1, first?.document, true],
      [2, shared?.document, true],
      [3, recut?.document, false],
    ]);
    const ids = [first?.document, shared?.document, recut?.document, 'never' as DocumentId].filter((id) => id !== undefined);
    expect((await store.documentStates(ids)).map(({ state, now }) => [state, now])).toEqual([
      ['replaced', recut?.document],
      ['current', recut?.document],
      ['current', recut?.document],
      ['removed', null],
    ]);
    await store.commit(['a', 'b'].map((key) => ({ type: 'removeSource' as const, collection: 'main', key, at: 9 })));
    expect((await store.documentStates(ids)).map(({ state }) => state)).toEqual(['removed', 'removed', 'removed', 'removed']);
  });

  it('T11: a thousand edits of one document leave no more on the disk than a few do', async () => {
    const store = await open();
    const edit = (number: number): string =>
      Array.from({ length: 40 }, (_, line) => `edit ${number} line ${line} of the mill, word${(number * line) % 977}`).join('\n');
    for (let first = 0; first < 1_000; first += 50) {
      await store.commit(Array.from({ length: 50 }, (_, at) => commitLines('a', edit(first + at))));
    }
    const copy = join(root, 'copy');
    await store.backup(copy);
    await store.close();
    // A copy holds what is on record and nothing that is free; at its end a process leaves no journal.
    const bytesOf = (place: string): number => statSync(join(place, 'record.sqlite')).size;
    expect(bytesOf(directory)).toBeLessThanOrEqual(3 * bytesOf(copy));
    expect(readdirSync(directory).filter((name) => /-(?:wal|journal)$/.test(name))).toEqual([]);
    expect(await (await open()).searchText('edit 999', { collection: 'main' }, 5)).not.toEqual([]);
  });

  it('take no room without end', async () => {
    const store = await open();
    for (let edit = 0; edit < 130; edit += 1) await store.commit([commitLines('a', `edit ${edit}`)]);
    const versions = await store.listVersions('main', 'a');
    expect(versions).toHaveLength(100);
    expect(versions.at(-1)?.number).toBe(130);
    expect((await store.collections())[0]).toMatchObject({ documents: 1, chunks: 1 });
  });
});

describe('verify', () => {
  it('finds rows that are not what was written, in every table', async () => {
    const store = await open();
    const [outcome] = await store.commit([commitLines('a', 'one line', { year: 2024 })]);
    const chunk = outcome?.chunks?.[0] as ChunkId;
    await store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions: 2, vectors: [{ chunk, vector: Float32Array.of(1, 2) }] }]);
    expect((await store.verify()).problems).toEqual([]);
    const items = [{ number: 0, key: 'k', input: { question: 'What?' } }];
    await store.commit([{ type: 'createRun', run: 'run-1' as RunId, kind: 'ask-many', definition: {}, items, at: 1 }]);
    await store.writeSetting('a setting', 1);
    expect((await store.verify()).problems).toEqual([]);
    await store.close();
    const db = new Database(join(directory, 'record.sqlite'));
    for (const { name } of db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'trigger'`).all() as { name: string }[])
      db.exec(`DROP TRIGGER ${name}`);
    db.exec(`
      UPDATE runs SET definition = '{"label":{}}';
      UPDATE run_items SET input = '{"question":"Whom?"}';
      UPDATE settings SET value = '2' WHERE key = 'a setting';
      UPDATE source_versions SET document = 'another';
      UPDATE vectors SET vector = zeroblob(length(vector));
      UPDATE pages SET boxes = zeroblob(length(boxes));
      UPDATE chunks SET heading_path = '["Tip"]';
      UPDATE sources SET metadata = '{"year":2025}';
      UPDATE documents SET title = 'Other';
      UPDATE document_texts SET blocks = '[]';
    `);
    db.close();
    const { problems } = await (await open('read')).verify();
    for (const name of [
      'the vector of chunk 1',
      'page 1 of',
      'chunk 1 ',
      'source a',
      'document ',
      'the structure of',
      'run run-1',
      'item 0 of run run-1',
      'setting a setting',
      'version 1 of',
    ]) {
      expect(problems).toContainEqual(expect.stringContaining(`The stored row of ${name}`));
    }
    expect(problems).toHaveLength(10);
  });
});

describe('a damaged chunk', () => {
  it('keeps nobody from writing, embedding and making the index anew; it is named by verify and mended by its document', async () => {
    const store = await open();
    await store.commit([commitLines('a', 'first line\nsecond line'), commitLines('b', 'third line')]);
    await store.close();
    const db = new Database(join(directory, 'record.sqlite'));
    db.exec(`UPDATE document_texts SET text = replace(text, 'first', 'worst'); DELETE FROM settings WHERE key = 'text-index-version'`);
    db.close();
    const again = await open('write', directory, 2);
    const pending = await again.listUnembedded('main', 'e', { after: 0, limit: 1 });
    expect(pending.map(({ text }) => text)).toEqual(['second line']);
    expect(await again.searchText('third', { collection: 'main' }, 5)).toHaveLength(1);
    expect(await again.rebuild()).toEqual({ damagedChunks: 1 });
    expect((await again.verify()).problems).toEqual([expect.stringContaining('is not the text that was committed')]);
    await again.commit([{ type: 'removeSource', collection: 'main', key: 'a', at: 2 }, commitLines('a', 'first line\nsecond line')]);
    expect((await again.verify()).problems).toEqual([]);
    expect(await again.searchText('first', { collection: 'main' }, 5)).toHaveLength(1);
  });
});

describe('purgeSource', () => {
  const canary = 'xyzzy-canary';

  it('leaves no byte of the text in any file, those of older versions and runs included', async () => {
    const store = await open();
    const [old] = await store.commit([commitLines('a', `an old ${canary} line`)]);
    await store.commit([commitLines('a', `a new ${canary} line\nand more`), commitLines('b', 'something else')]);
    await store.acceptSources('main', [handed('a', `kept ${canary} bytes`)]);
    const run = 'run-1' as RunId;
    const items = [0, 1].map((number) => ({ number, key: `k${number}`, input: { question: 'What?' } }));
    await store.commit([{ type: 'createRun', run, kind: 'ask-many', definition: { label: { out: 'answers.csv' } }, items, at: 1 }]);
    const claimed = await store.claimItems(run, { limit: 2, leaseUntil: 9, at: 1 });
    const answered = (document: string | undefined) => ({
      answer: `It is ${canary}.`,
      citations: [{ document, number: 1, quote: canary }],
    });
    await store.commit(
      claimed.map(({ number, fence }) => ({
        type: 'settleItem' as const,
        run,
        number,
        fence,
        status: 'done' as const,
        result: number === 0 ? answered(old?.document) : { answer: 'Unconcerned.', citations: [{ document: 'another' }] },
        at: 2,
      })),
    );
    expect(isAnywhere(canary)).toBe(true);

    const report = await store.purgeSource('main', 'a');
    expect(report?.documents).toHaveLength(2);
    expect(report?.runs).toEqual([{ run, items: 1, label: { out: 'answers.csv' } }]);
    expect(isAnywhere(canary)).toBe(false);
    expect(await store.searchText('line', { collection: 'main' }, 5)).toEqual([]);
    const results = (await store.listRunItems(run, { after: -1, limit: 5 })).map(({ result }) => result);
    expect(results).toEqual([
      { answer: '', citations: [{ document: old?.document, number: 1, quote: '' }], purged: true },
      { answer: 'Unconcerned.', citations: [{ document: 'another' }] },
    ]);
    expect(await store.searchText('something', { collection: 'main' }, 5)).toHaveLength(1);
    expect((await store.verify()).problems).toEqual([]);
    expect(await store.purgeSource('main', 'a')).toBeUndefined();
  });

  it('leaves no byte of a source that was removed without a purge before', async () => {
    const store = await open();
    await store.commit([commitLines('a', `one ${canary} line`), commitLines('b', 'something else')]);
    await store.commit([{ type: 'removeSource', collection: 'main', key: 'a', at: 1 }]);
    for (const name of ['A', 'b.txt']) expect(await store.purgeSource('main', name)).toBeUndefined();
    expect(await store.purgeSource('other', 'a')).toBeUndefined();
    // A name that was never there has nothing overwritten.
    expect(isAnywhere(canary)).toBe(true);
    expect(await store.purgeSource('main', 'a')).toEqual({ documents: [], runs: [] });
    expect(isAnywhere(canary)).toBe(false);
    expect(await store.searchText('something', { collection: 'main' }, 5)).toHaveLength(1);
    expect(await store.purgeSource('main', 'a')).toBeUndefined();
    expect((await store.verify()).problems).toEqual([]);
  });

  it('blanks what was being answered from it when it settles, and what runs say of a source that was removed before', async () => {
    const store = await open();
    const [kept] = await store.commit([commitLines('a', `one ${canary} line`)]);
    const run = 'run-1' as RunId;
    const items = [0, 1].map((number) => ({ number, key: `k${number}`, input: { question: 'What?' } }));
    await store.commit([{ type: 'createRun', run, kind: 'ask-many', definition: {}, items, at: 1 }]);
    const [first, second] = await store.claimItems(run, { limit: 2, leaseUntil: 9, at: 1 });
    const settle = (item: typeof first, source: string, document: string | undefined) => ({
      type: 'settleItem' as const,
      run,
      number: item?.number ?? -1,
      fence: item?.fence ?? -1,
      status: 'done' as const,
      result: { answer: canary, citations: [{ document, source, quote: canary }] },
      at: 2,
    });
    await store.purgeSource('main', 'a');
    await store.commit([settle(first, 'a', kept?.document), settle(second, 'before', 'gone')]);
    const results = async () =>
      (await store.listRunItems(run, { after: -1, limit: 5 })).map(({ result }) => (result as { answer: string }).answer);
    expect(await results()).toEqual(['', canary]);
    expect((await store.purgeSource('main', 'before'))?.runs).toMatchObject([{ run, items: 1 }]);
    expect(await results()).toEqual(['', '']);
    expect(isAnywhere(canary)).toBe(false);
  });

  it('is carried to its end by repeating it, and by the next opening, where it failed or was ended half-way', async () => {
    const reader = await open();
    await reader.commit([commitLines('a', `one ${canary} line`), commitLines('b', `two ${canary} lines`)]);
    await reader.acceptSources('main', [handed('kept', `kept ${canary} bytes`)]);
    await reader.close();
    const failingAt = async (hit: number): Promise<Store> => {
      process.env['MILLRACE_FAULT'] = `purge-committed:${hit}:EIO`;
      return open('write', directory, 1 + hit).finally(() => delete process.env['MILLRACE_FAULT']);
    };
    const store = await failingAt(1);
    await expect(store.purgeSource('main', 'a')).rejects.toThrow('EIO');
    expect(await store.readSource('main', 'a')).toBeUndefined();
    expect((await store.verify()).problems).toEqual([expect.stringContaining('The purge of a is not carried out')]);
    const forgotten: string[] = [];
    const forget = (documents: readonly string[]): Promise<void> => {
      forgotten.push(...documents);
      return Promise.resolve();
    };
    const report = await store.purgeSource('main', 'a', forget);
    expect(report?.documents).toHaveLength(1);
    expect(forgotten).toEqual(report?.documents);
    expect((await store.verify()).problems).toEqual([]);
    expect(await store.purgeSource('main', 'a')).toBeUndefined();

    await expect(store.purgeSource('main', 'b', () => Promise.reject(new Error('busy')))).rejects.toThrow('busy');
    expect((await store.verify()).problems).toEqual([expect.stringContaining('The purge of b is not carried out')]);
    await store.close();
    const next = await failingAt(2);
    expect((await next.verify()).problems).toEqual([]);
    await expect(next.purgeSource('main', 'kept')).rejects.toThrow('EIO');
    expect(isAnywhere(canary)).toBe(true);
    await next.close();
    const again = await open('write', directory, 4);
    expect((await again.verify()).problems).toEqual([]);
    expect(isAnywhere(canary)).toBe(false);
    expect(keptFiles()).toEqual([]);
  });

  it('keeps what another source still holds', async () => {
    const store = await open();
    await store.commit([commitLines('a', 'shared words'), commitLines('b', 'shared words')]);
    expect((await store.purgeSource('main', 'a'))?.documents).toEqual([]);
    expect(await store.searchText('shared', { collection: 'main' }, 5)).toHaveLength(1);
  });
});

describe.skipIf(process.platform === 'win32')('permissions', () => {
  it('are those of the owner alone for every file, also in a directory that all may read, whatever the umask (T75)', async () => {
    mkdirSync(directory, { mode: 0o755 });
    const umask = process.umask(0);
    try {
      const store = await open();
      await store.acceptSources('main', [handed('kept', 'these bytes')]);
      await store.commit([commitLines('a', 'some text')]);
      await store.backup(join(root, 'copy'));
      const files = [directory, join(root, 'copy')].flatMap((place) =>
        readdirSync(place, { recursive: true, withFileTypes: true }).map((entry) => ({ entry, path: join(entry.parentPath, entry.name) })),
      );
      const names = files.map(({ entry }) => entry.name);
      expect(names).toEqual(
        expect.arrayContaining(['record.sqlite', 'record.sqlite-wal', 'lock.sqlite', 'owner.json', 'blobs', '.gitignore']),
      );
      const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
      expect(files.filter(({ entry, path }) => modeOf(path) !== (entry.isFile() ? '600' : '700'))).toEqual([]);
      expect(statSync(join(root, 'copy')).mode & 0o777).toBe(0o700);
    } finally {
      process.umask(umask);
    }
  });
});
