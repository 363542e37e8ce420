import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunId } from '../../spec/identifiers.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { sha256 } from '../../util/hash.ts';
import { createSeededRandom } from '../../util/random.ts';
import { openStore } from '../open-store.ts';
import { registerRowChecksum } from './row-checksum.ts';
import { migrate, schemaVersion } from './schema.ts';

/**
 * Made by the code of their time: three sources of two documents, one failed, vectors, and a run of two items, one settled; from version 2 on also
 * an older version of a source, and one whose bytes are kept.
 */
const fixture = (version: number) => fileURLToPath(new URL(`fixtures/record-version-${version}.sqlite`, import.meta.url));
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-migration-'));
  copyFileSync(fixture(1), join(directory, 'record.sqlite'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (mode: 'read' | 'write') =>
  openStore({ directory, mode, clock: createManualClock(), random: createSeededRandom(1), readers: 1 });

describe.each([2, 3])('T12: a record of version %i', (version) => {
  it.each(['write', 'read'] as const)('opens for "%s" with all that was in it, and verifies', async (mode) => {
    copyFileSync(fixture(version), join(directory, 'record.sqlite'));
    mkdirSync(join(directory, 'blobs'));
    writeFileSync(join(directory, 'blobs', sha256('kept bytes')), 'kept bytes');
    const store = await open(mode);
    try {
      expect((await store.listSources('main')).map(({ key, error, pendingAt }) => [key, error?.code ?? 'ok', pendingAt !== null])).toEqual([
        ['a', 'ok', false],
        ['b', 'ok', false],
        ['c', 'ok', false],
        ['d', 'E_DOCUMENT_DAMAGED', false],
        ['e', 'ok', true],
      ]);
      expect((await store.listVersions('main', 'a')).map(({ number, until }) => [number, until !== null])).toEqual([
        [1, true],
        [2, false],
      ]);
      const items = await store.listRunItems('run-1' as RunId, { after: -1, limit: 5 });
      expect(items.map(({ state, result }) => [state, (result as { answer?: string } | null)?.answer])).toEqual([
        ['settled', 'The wheel turns.'],
        ['pending', undefined],
      ]);
      expect(await store.readSetting('collection:main:embedder')).toEqual({ id: 'e', hash: 'e' });
      expect(await store.verify()).toEqual({ ok: true, problems: [], checked: { documents: 2, chunks: 3, vectors: 2 } });
    } finally {
      await store.close();
    }
  });
});

describe('T12: a record of version 1', () => {
  it.each(['write', 'read'] as const)('opens for "%s" with all that was in it, and verifies', async (mode) => {
    const store = await open(mode);
    try {
      const sources = await store.listSources('main');
      expect(sources.map(({ key, error }) => [key, error?.code ?? 'ok'])).toEqual([
        ['a', 'ok'],
        ['b', 'ok'],
        ['c', 'ok'],
        ['d', 'E_DOCUMENT_DAMAGED'],
      ]);
      expect(sources[0]).toMatchObject({ metadata: { year: 2024 }, blob: null, pendingAt: null });
      expect(sources[2]?.document).toBe(sources[0]?.document);
      expect(await store.listVersions('main', 'a')).toMatchObject([{ number: 1, document: sources[0]?.document, until: null }]);
      expect(await store.listVersions('main', 'd')).toEqual([]);
      expect(await store.searchText('wheel', { collection: 'main' }, 5)).toHaveLength(1);
      expect(await store.searchVectors(Float32Array.of(1, 0), 'e', { collection: 'main' }, 5)).toHaveLength(2);
      expect(await store.readRun('run-1' as RunId)).toMatchObject({ state: 'interrupted', items: { pending: 1, settled: 1 } });
      expect(await store.verify()).toEqual({ ok: true, problems: [], checked: { documents: 2, chunks: 3, vectors: 2 } });
    } finally {
      await store.close();
    }
  });

  it('is still one of version 1 where the migration did not end, and is then brought up', () => {
    const db = new Database(join(directory, 'record.sqlite'));
    registerRowChecksum(db);
    const reach = (name: string): void => {
      if (name === 'migration-applied') throw new Error('stopped');
    };
    expect(() => migrate(db, directory, { reach })).toThrow('stopped');
    expect(db.pragma('user_version', { simple: true })).toBe(1);
    expect(() => db.prepare('SELECT blob FROM sources').all()).toThrow('no such column');
    migrate(db, directory);
    expect(db.pragma('user_version', { simple: true })).toBe(schemaVersion);
    expect(db.prepare('SELECT count(*) AS count FROM source_versions').get()).toEqual({ count: 3 });
    db.close();
  });
});
