import { MillraceError } from '../../errors.ts';
import type { StagedDocument, Store, StoreOperation, StoreReader } from '../../spec/store.ts';
import type { Clock } from '../../util/clock.ts';
import { sha256 } from '../../util/hash.ts';
import type { Random } from '../../util/random.ts';
import { openInMemory, toStoreError } from '../sqlite/connection.ts';
import { applyOperation } from '../sqlite/operations.ts';
import { createHeldPortions, stagedInVain } from '../sqlite/portions.ts';
import { endPurge, overwriteFreed, purgeSource } from '../sqlite/purge.ts';
import type { RecordMethod } from '../sqlite/queries.ts';
import { createReader } from '../sqlite/reader.ts';
import { claimItems } from '../sqlite/run-operations.ts';
import { rebuildTextIndex } from '../sqlite/verify.ts';

/**
 * A store that is gone with the process, for tests and throw-away collections: the operations and queries of the SQLite store over
 * a database in memory, without threads. It works on the thread that calls it, so it is not for large collections.
 */
export function createMemoryStore(options: { readonly clock: Clock; readonly random: Random }): Store {
  const { clock, random } = options;
  const connection = openInMemory();
  const reader = createReader(connection);
  let closed = false;

  async function attempt<Value>(what: string, work: () => Value): Promise<Value> {
    // Answers never arrive in the caller's own turn, as with the store on disk.
    await Promise.resolve();
    if (closed) throw new MillraceError('E_SHUTTING_DOWN', 'The store was closed.');
    try {
      return structuredClone(work());
    } catch (error) {
      throw toStoreError(error, what);
    }
  }

  const held = createHeldPortions();
  let stagedDocuments = 0;

  function stageDocument(): StagedDocument {
    stagedDocuments += 1;
    const number = stagedDocuments;
    let isForgotten = false;
    return {
      number,
      async add(portion) {
        if (isForgotten) throw stagedInVain();
        await attempt('Staging a document', () => held.add(number, structuredClone(portion)));
      },
      async forget() {
        isForgotten = true;
        await Promise.resolve();
        held.forget(number);
      },
    };
  }

  const blobs = new Map<string, Uint8Array>();

  function reading<Name extends RecordMethod>(name: Name): StoreReader[Name] {
    const method = reader[name] as (...parameters: readonly unknown[]) => unknown;
    const read = (...parameters: readonly unknown[]): Promise<unknown> => attempt('Reading the record', () => method(...parameters));
    return read as StoreReader[Name];
  }

  function writing<Value>(work: () => Value): Promise<Value> {
    return attempt('Writing to the record', () => connection.db.transaction(work)());
  }

  function commit(operations: readonly StoreOperation[]): ReturnType<Store['commit']> {
    const nowMs = clock.now();
    return writing(() =>
      operations.map((operation) =>
        applyOperation(connection, operation, { source: random.uuid(nowMs), document: random.uuid(nowMs) }, held),
      ),
    ).then((outcomes) => {
      for (const { freedBlob } of outcomes) if (freedBlob !== undefined) forget(freedBlob);
      return outcomes;
    });
  }

  function forget(blob: string): void {
    if (connection.prepare('SELECT 1 FROM sources WHERE blob = ? LIMIT 1').get(blob) === undefined) blobs.delete(blob);
  }

  return {
    writable: true,
    readSource: reading('readSource'),
    readSourceDocument: reading('readSourceDocument'),
    listSources: reading('listSources'),
    listFailedMembers: reading('listFailedMembers'),
    listPending: reading('listPending'),
    listVersions: reading('listVersions'),
    documentStates: reading('documentStates'),
    readDocument: reading('readDocument'),
    findDocuments: reading('findDocuments'),
    readPages: reading('readPages'),
    readSpan: reading('readSpan'),
    listChunks: reading('listChunks'),
    readChunks: reading('readChunks'),
    listUnembedded: reading('listUnembedded'),
    searchText: reading('searchText'),
    searchVectors: reading('searchVectors'),
    collections: reading('collections'),
    countChunks: reading('countChunks'),
    readRevision: reading('readRevision'),
    readSetting: reading('readSetting'),
    listRuns: reading('listRuns'),
    readRun: reading('readRun'),
    listRunItems: reading('listRunItems'),
    async verify(settings) {
      settings?.signal?.throwIfAborted();
      return attempt('Verifying the record', () => reader.verify());
    },
    async readBlob(hash) {
      return attempt('Reading kept bytes', () => {
        const bytes = blobs.get(hash);
        if (bytes === undefined) throw new MillraceError('E_STORE_CORRUPT', `The kept bytes ${hash} are missing.`);
        return bytes;
      });
    },
    async backup(target) {
      await Promise.resolve();
      throw new MillraceError('E_NOT_AVAILABLE', `A store in memory cannot be backed up to ${target}.`);
    },
    commit,
    stageDocument,
    async acceptSources(collection, accepted) {
      const at = clock.now();
      const operations = accepted.map(({ source, bytes }): StoreOperation => {
        const blob = sha256(bytes);
        blobs.set(blob, bytes);
        return { type: 'acceptSource', collection, source: { ...source, blob }, at };
      });
      await commit(operations);
    },
    async purgeSource(collection, key, alsoForget) {
      const purge = await writing(() => purgeSource(connection, collection, key, clock.now()));
      if (purge === undefined) return undefined;
      for (const blob of purge.blobs) forget(blob);
      await attempt('Overwriting', () => overwriteFreed(connection));
      await alsoForget?.(purge.report.documents);
      await writing(() => endPurge(connection, collection, key));
      return purge.report;
    },
    claimItems: (run, claim) => writing(() => claimItems(connection, run, claim)),
    writeSetting: (key, value) =>
      writing(() => {
        connection
          .prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
          .run(key, JSON.stringify(value ?? null));
      }),
    async rebuild(settings) {
      settings?.signal?.throwIfAborted();
      return { damagedChunks: await writing(() => rebuildTextIndex(connection)) };
    },
    async close() {
      await Promise.resolve();
      if (!closed) connection.close();
      closed = true;
    },
  };
}
