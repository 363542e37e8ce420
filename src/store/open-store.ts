import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import { saysIndexing } from '../spec/indexing.ts';
import type { OperationOutcome, RunItem, RunRecord, StagedDocument, Store, StoreOperation, StoreReader } from '../spec/store.ts';
import type { VerifyReport } from '../spec/store-reports.ts';
import type { Clock } from '../util/clock.ts';
import type { Random } from '../util/random.ts';
import { createFaultPoints } from '../util/fault-points.ts';
import { untilAborted } from '../util/until-aborted.ts';
import { createBlobFiles } from './blob-files.ts';
import { createKeptBytes } from './kept-bytes.ts';
import { createIndexNotices } from './index-notices.ts';
import { createPartialBackups } from './partial-backups.ts';
import type { ReaderCall, WriterCall } from './sqlite/messages.ts';
import type { PreparedOperation } from './sqlite/operations.ts';
import { isPackable, packOperations } from './sqlite/packed-operations.ts';
import { isLong, portionsOf, stagedInVain, withoutPortions } from './sqlite/portions.ts';
import type { PendingPurge } from './sqlite/purge.ts';
import type { RecordMethod } from './sqlite/queries.ts';
import { startThread } from './sqlite/thread-client.ts';
import type { ThreadClient } from './sqlite/thread-client.ts';

export interface OpenStoreOptions {
  readonly directory: string;
  /** `write` makes the directory where it is missing and takes its lock; `read` needs no lock and works beside any writer. */
  readonly mode: 'write' | 'read';
  readonly clock: Clock;
  readonly random: Random;
  /** Reader threads, 1–16. Default 2. Vector searches all go to the first, which holds the index. */
  readonly readers?: number;
  /** `none` acknowledges before anything is on the disk: only for measuring what durability costs. Default `full`. */
  readonly durability?: 'full' | 'none';
}

/** What ingestion reads all the while. They take less time than a thread takes to start: they wait for those that are there. */
const shortReads: ReadonlySet<RecordMethod> = new Set<RecordMethod>([
  'readSource',
  'readSourceDocument',
  'readDocument',
  'findDocuments',
  'listUnembedded',
  'collections',
  'readRevision',
  'readSetting',
]);

async function makeDirectory(directory: string): Promise<void> {
  try {
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (made !== undefined) await chmod(directory, 0o700);
    const ignoreFile = join(directory, '.gitignore');
    if (!existsSync(ignoreFile)) await writeFile(ignoreFile, '*\n', { mode: 0o600 });
  } catch (error) {
    throw describeDirectory(error, directory);
  }
}

function interrupted(run: RunRecord): RunRecord {
  return run.state === 'running' ? { ...run, state: 'interrupted' } : run;
}

function describeDirectory(error: unknown, directory: string): MillraceError {
  const { code } = error as NodeJS.ErrnoException;
  const remedy = 'Choose another place with the setting "directory".';
  const cause = error;
  if (code === 'EEXIST' || code === 'ENOTDIR') {
    return new MillraceError('E_STORE_FAILED', `The directory ${directory} cannot be made: a file is in its place.`, { remedy, cause });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new MillraceError('E_STORE_FAILED', `The directory ${directory} cannot be written (${code}).`, {
      remedy: `Change its permissions. ${remedy}`,
      cause,
    });
  }
  return toMillraceError(error, 'E_STORE_FAILED', `Making the directory ${directory}`);
}

/**
 * Opens the record of a directory. Errors: `E_LOCKED` (a second writer, names the owner), `E_STORE_MISSING` (reading where nothing
 * was ever written), `E_STORE_VERSION`, `E_STORE_CORRUPT`, `E_STORE_FAILED`, `E_DISK_FULL`.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { directory, mode, clock, random } = options;
  const data = { directory, command: process.argv.slice(1, 5).join(' ').slice(0, 500), isDurable: options.durability !== 'none' };
  const readerCount = Math.min(16, Math.max(1, options.readers ?? 2));
  const faults = createFaultPoints(process.env);
  const blobs = createBlobFiles(directory, faults);
  const backups = createPartialBackups();
  if (mode === 'write') await makeDirectory(directory);
  const writer = mode === 'write' ? await startThread<WriterCall>('store-writer', data) : undefined;
  const readers: Promise<ThreadClient<ReaderCall>>[] = [];
  const alive: (ThreadClient<ReaderCall> | undefined)[] = [];
  let closing: Promise<void> | undefined;
  // The index is derived: when this call fails, the next search notices.
  const notices = createIndexNotices(clock, () => {
    readerAt(0)
      .then((thread) => thread.call({ type: 'extendIndex' }))
      .catch(() => undefined);
  });

  function requireOpen(): void {
    if (closing !== undefined) throw new MillraceError('E_SHUTTING_DOWN', 'The store was closed.');
  }

  /** Starts the thread of this place when there is none, or when it died. */
  async function readerAt(place: number): Promise<ThreadClient<ReaderCall>> {
    requireOpen();
    const present = readers[place];
    if (present !== undefined && alive[place]?.ended !== true) return present;
    alive[place] = undefined;
    const starting = startThread<ReaderCall>('store-reader', { ...data, writesIndex: mode === 'write' && place === 0 });
    readers[place] = starting;
    try {
      const thread = await starting;
      alive[place] = thread;
      return thread;
    } catch (error) {
      // oxlint-disable-next-line no-array-delete -- an empty place is filled by the next call
      delete readers[place];
      throw error;
    }
  }

  /** `mayStart`: also where no thread is yet. */
  function leastBusyPlace(mayStart: boolean): number {
    let place = 0;
    for (let other = 1; other < readerCount; other += 1) {
      const reader = alive[other];
      if (reader === undefined && !mayStart) continue;
      if ((reader?.waiting ?? 0) < (alive[place]?.waiting ?? 0)) place = other;
    }
    return place;
  }

  function reading<Name extends RecordMethod>(method: Name): StoreReader[Name] {
    async function read(...parameters: readonly unknown[]): Promise<unknown> {
      const thread = await readerAt(method === 'searchVectors' ? 0 : leastBusyPlace(!shortReads.has(method)));
      return thread.call({ type: 'read', method, parameters });
    }
    return read as StoreReader[Name];
  }

  /** What says that something is at work, when nobody writes any more: who was killed could not say that it ended. */
  async function asItStands<Value>(
    read: () => Promise<Value>,
    isAtWork: (value: Value) => boolean,
    ended: (value: Value) => Value,
  ): Promise<Value> {
    const value = await read();
    if (mode === 'write' || !isAtWork(value)) return value;
    if (await (await readerAt(leastBusyPlace(false))).call({ type: 'hasWriter' })) return value;
    // It may have ended since, and said so.
    const last = await read();
    return isAtWork(last) ? ended(last) : last;
  }

  async function write<Value>(call: WriterCall): Promise<Value> {
    requireOpen();
    if (writer === undefined) {
      throw new MillraceError('E_STORE_FAILED', `The directory ${directory} was opened for reading only.`, {
        remedy: 'Open it for writing.',
      });
    }
    return (await writer.call(call)) as Value;
  }

  /** In a thread of its own, which an abort ends: for what reads the whole record. */
  async function apart(call: ReaderCall, signal: AbortSignal | undefined): Promise<unknown> {
    requireOpen();
    signal?.throwIfAborted();
    const thread = await startThread<ReaderCall>('store-reader', data);
    try {
      return await untilAborted(thread.call(call), signal);
    } finally {
      await thread.terminate();
    }
  }

  function writeAll(operations: readonly PreparedOperation[]): Promise<readonly OperationOutcome[]> {
    if (!isPackable(operations)) return write({ type: 'commit', operations });
    const alone = operations.some(({ operation }) => operation.type === 'commitDocument' && operation.staged !== undefined);
    return write({ type: 'commitPacked', operations: packOperations(operations), ...(alone ? { alone } : {}) });
  }

  let stagedDocuments = 0;
  function stageDocument(): StagedDocument {
    stagedDocuments += 1;
    const document = stagedDocuments;
    let isForgotten = false;
    return {
      number: document,
      async add(portion) {
        if (isForgotten) throw stagedInVain();
        await write<undefined>({ type: 'portion', document, portion });
      },
      async forget() {
        isForgotten = true;
        if (writer !== undefined && !writer.ended) await writer.call({ type: 'forgetPortions', document });
      },
    };
  }

  /** What is long goes ahead, so that no message takes long to be copied. */
  async function commitLong(operations: readonly PreparedOperation[]): Promise<readonly OperationOutcome[]> {
    const staged: StagedDocument[] = [];
    try {
      const shortened: PreparedOperation[] = [];
      for (const one of operations) {
        if (!isLong(one.operation)) {
          shortened.push(one);
          continue;
        }
        const document = stageDocument();
        staged.push(document);
        for (const portion of portionsOf(one.operation.document)) await document.add(portion);
        shortened.push({ ...one, operation: withoutPortions(one.operation, document.number) });
      }
      return await writeAll(shortened);
    } finally {
      await Promise.allSettled(staged.map((document) => document.forget()));
    }
  }

  async function commit(operations: readonly StoreOperation[]): Promise<readonly OperationOutcome[]> {
    const nowMs = clock.now();
    const prepared = operations.map((operation) => ({
      operation,
      ids: { source: random.uuid(nowMs), document: random.uuid(nowMs) },
    }));
    const outcomes = operations.some(isLong) ? await commitLong(prepared) : await writeAll(prepared);
    for (const operation of operations) if (operation.type === 'commitVectors') notices.added(operation.vectors.length);
    await kept.forget(outcomes.flatMap(({ freedBlob }) => freedBlob ?? []));
    return outcomes;
  }

  const kept = createKeptBytes(blobs, (sha256s) => write<readonly string[]>({ type: 'unusedBlobs', sha256s }));

  function acceptSources(collection: string, accepted: Parameters<Store['acceptSources']>[1]): Promise<void> {
    return kept.accept(
      accepted.map(({ bytes }) => bytes),
      async (hashes) => {
        const at = clock.now();
        await commit(
          accepted.map(({ source }, index) => ({ type: 'acceptSource', collection, source: { ...source, blob: hashes[index] ?? '' }, at })),
        );
        faults.reach('sources-accepted');
      },
    );
  }

  const purgeSource: Store['purgeSource'] = async (collection, key, forget) => {
    const purge = await write<PendingPurge | undefined>({ type: 'purge', collection, key, at: clock.now() });
    if (purge !== undefined) await carryOut(purge, forget);
    return purge?.report;
  };

  /** Every step may be repeated: the purge stays noted until all are done. */
  async function carryOut(
    { collection, key, report, blobs: freed }: PendingPurge,
    forget: Parameters<Store['purgeSource']>[2],
  ): Promise<void> {
    faults.reach('purge-committed');
    await kept.forget(freed);
    await write<undefined>({ type: 'overwriteFreed' });
    // Vectors can be turned back into words: those of the index go as well.
    await (await readerAt(0)).call({ type: 'rebuildIndex' });
    await forget?.(report.documents);
    await write<undefined>({ type: 'endPurge', collection, key });
  }

  /** What a process that ended left undone. It keeps nobody from opening the directory; `verify` tells what is still undone. */
  async function carryOutPending(): Promise<void> {
    for (const purge of await write<readonly PendingPurge[]>({ type: 'pendingPurges' }))
      await carryOut(purge, undefined).catch(() => undefined);
  }

  /** A record of an earlier version is brought up by a writer, which ends at once where only reading is wanted. */
  async function startReading(): Promise<void> {
    try {
      await readerAt(0);
    } catch (error) {
      const { code, details } = toMillraceError(error);
      if (mode === 'write' || code !== 'E_STORE_VERSION' || details?.['isOlder'] !== true) throw error;
      const migrating = await startThread<WriterCall>('store-writer', data);
      await migrating.call({ type: 'close' });
      await migrating.terminate();
      await readerAt(0);
    }
  }

  async function endThreads(): Promise<void> {
    notices.stop();
    const started = await Promise.allSettled(readers.filter((reader) => reader !== undefined));
    const threads = started.flatMap((outcome) => (outcome.status === 'fulfilled' && !outcome.value.ended ? [outcome.value] : []));
    const ended = await Promise.allSettled(
      threads.map(async (thread) => thread.call({ type: 'close', extendsIndex: notices.any }).then(() => thread.terminate())),
    );
    // Whatever became of the readers: until the writer has ended the directory is locked.
    if (writer !== undefined && !writer.ended) {
      await writer.call({ type: 'close' });
      await writer.terminate();
    }
    const failed = ended.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  try {
    await startReading();
    if (writer !== undefined) {
      await kept.forget(await blobs.list());
      await carryOutPending();
    }
  } catch (error) {
    await endThreads();
    throw error;
  }

  return {
    writable: mode === 'write',
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
    readSetting: (key) =>
      asItStands(
        () => reading('readSetting')(key),
        (value) => saysIndexing(key, value),
        (value) => ({ ...(value as object), state: 'interrupted' }),
      ),
    listRuns: () =>
      asItStands(
        reading('listRuns'),
        (runs) => runs.some(({ state }) => state === 'running'),
        (runs) => runs.map(interrupted),
      ),
    readRun: (id) =>
      asItStands(
        () => reading('readRun')(id),
        (run) => run?.state === 'running',
        (run) => (run === undefined ? run : interrupted(run)),
      ),
    listRunItems: reading('listRunItems'),
    verify: async (settings) => (await apart({ type: 'read', method: 'verify', parameters: [] }, settings?.signal)) as VerifyReport,
    async backup(target, settings) {
      await backups.make(target, (partial) => apart({ type: 'backup', target, partial }, settings?.signal));
    },
    readBlob: (sha256) => blobs.read(sha256),
    commit,
    stageDocument,
    acceptSources,
    purgeSource,
    claimItems: (run, claim) => write<readonly RunItem[]>({ type: 'claimItems', run, options: claim }),
    writeSetting: (key, value) => write<undefined>({ type: 'writeSetting', key, value }),
    async rebuild(settings) {
      settings?.signal?.throwIfAborted();
      const damagedChunks = await write<number>({ type: 'rebuild' });
      settings?.signal?.throwIfAborted();
      const indexing = await readerAt(0);
      await untilAborted(indexing.call({ type: 'rebuildIndex' }), settings?.signal);
      return { damagedChunks };
    },
    close() {
      closing ??= endThreads();
      return closing;
    },
  };
}
