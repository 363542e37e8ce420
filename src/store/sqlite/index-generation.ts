import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync } from 'node:fs';
import { statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '../../errors.ts';
import { sha256 } from '../../util/hash.ts';
import { makePrivateFile } from '../../util/private-file.ts';
import { syncPath } from '../../util/sync-path.ts';

/** What one file of the vector index covers: the vectors of one collection and embedder up to `last`. */
export interface IndexCoverage {
  readonly format: 1;
  readonly collection: string;
  readonly embedderHash: string;
  readonly dimensions: number;
  readonly count: number;
  /** Greatest `vectors.number` in the file. */
  readonly last: number;
  readonly highestChunk: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Some chunks of the file with the hash of their vector: another record in the same place is noticed by them. */
  readonly witnesses: readonly { readonly chunk: number; readonly sha256: string }[];
}

const numbers = ['dimensions', 'count', 'last', 'highestChunk', 'bytes'] as const;
const strings = ['collection', 'embedderHash', 'sha256'] as const;

/** By hand, because a validation library costs every thread of the store several megabytes. */
function parseCoverage(text: string): IndexCoverage {
  const value = JSON.parse(text) as Record<string, unknown>;
  const witnesses: unknown = value['witnesses'];
  const whole =
    value['format'] === 1 &&
    numbers.every((name) => Number.isSafeInteger(value[name])) &&
    strings.every((name) => typeof value[name] === 'string') &&
    Array.isArray(witnesses) &&
    witnesses.every(({ chunk, sha256: hash }: Record<string, unknown>) => Number.isSafeInteger(chunk) && typeof hash === 'string');
  if (!whole) throw new MillraceError('E_STORE_CORRUPT', 'Its description is not whole.');
  return value as unknown as IndexCoverage;
}

export interface IndexGeneration extends IndexCoverage {
  readonly path: string;
  readonly generation: number;
}

/** Steps of writing a generation; a test stops between them. */
export type IndexWriteStep = 'index-written' | 'index-renamed' | 'coverage-renamed' | 'old-index-removed';

const pattern = /^([0-9a-f]{16}-[0-9a-f]{8})\.(\d+)\.(usearch|json)(\.partial)?$/u;

/** `<hash of the embedder>-<hash of the collection>`: what the files of one index begin with. */
export function indexStem(collection: string, embedderHash: string): string {
  return `${sha256(embedderHash).slice(0, 16)}-${sha256(collection).slice(0, 8)}`;
}

/** Numbers of the generations of an index, newest first. One counts from the moment that its coverage has its name. */
function generationsOf(folder: string, stem: string): readonly number[] {
  if (!existsSync(folder)) return [];
  const found: number[] = [];
  for (const name of readdirSync(folder)) {
    const match = pattern.exec(name);
    if (match?.[1] === stem && match[3] === 'json' && match[4] === undefined) found.push(Number(match[2]));
  }
  return found.sort((a, b) => b - a);
}

/** Stems of all indexes that have files in the folder. */
export function listIndexStems(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return [...new Set(readdirSync(folder).flatMap((name) => pattern.exec(name)?.[1] ?? []))];
}

function hashOf(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** A generation, or in one sentence why it cannot be used. */
function readGeneration(folder: string, stem: string, generation: number): IndexGeneration | string {
  const path = join(folder, `${stem}.${generation}.usearch`);
  try {
    const covered = parseCoverage(readFileSync(join(folder, `${stem}.${generation}.json`), 'utf8'));
    if (indexStem(covered.collection, covered.embedderHash) !== stem) return `The vector index ${path} belongs to something else.`;
    if (statSync(path).size !== covered.bytes || hashOf(path) !== covered.sha256) return `The vector index ${path} is damaged.`;
    return { ...covered, path, generation };
  } catch (error) {
    return `The vector index ${path} cannot be read: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}.`;
  }
}

/** The newest whole generation, its bytes hashed; and a sentence for each newer one that is not whole. */
export function newestGeneration(folder: string, stem: string): { readonly found?: IndexGeneration; readonly problems: readonly string[] } {
  const problems: string[] = [];
  for (const generation of generationsOf(folder, stem)) {
    const read = readGeneration(folder, stem, generation);
    if (typeof read !== 'string') return { found: read, problems };
    // The writer may have replaced it meanwhile; its coverage goes first.
    if (existsSync(join(folder, `${stem}.${generation}.json`))) problems.push(read);
  }
  return { problems };
}

/** Number of the newest generation, whole or not; 0 where there is none. */
export function newestNumber(folder: string, stem: string): number {
  return generationsOf(folder, stem)[0] ?? 0;
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Windows keeps files that a reader has mapped; the next generation removes them.
  }
}

/** Removes all files of an index except one generation and, in the writer's process alone, what a killed writer left half done. */
export function removeGenerations(folder: string, stem: string, except?: number): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).sort()) {
    const match = pattern.exec(name);
    if (match?.[1] !== stem || (Number(match[2]) === except && match[4] === undefined)) continue;
    removeQuietly(join(folder, name));
  }
}

/** usearch does not tell why it could not write: a disk without room is the reason when it has none. */
function saveOrDiskFull(save: () => void, folder: string): void {
  try {
    save();
  } catch (error) {
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize > 1024 * 1024) throw error;
    throw new MillraceError('E_DISK_FULL', `The vector index in ${folder} was not written: the disk is full. Searches go on without it.`, {
      cause: error,
    });
  }
}

/**
 * Writes the next generation: temporary names, fsync, rename, the index before its coverage, so that a coverage without a whole index
 * is never seen after a crash. No file is renamed over. Older generations are removed; whoever has one mapped keeps it.
 */
export function writeGeneration(
  folder: string,
  covered: Omit<IndexCoverage, 'format' | 'bytes' | 'sha256'>,
  save: (path: string) => void,
  reached: (step: IndexWriteStep) => void = () => undefined,
): IndexGeneration {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stem = indexStem(covered.collection, covered.embedderHash);
  const used = existsSync(folder) ? readdirSync(folder).map((name) => Number(pattern.exec(name)?.[2] ?? 0)) : [];
  const generation = Math.max(0, ...used) + 1;
  const path = join(folder, `${stem}.${generation}.usearch`);
  const coveragePath = join(folder, `${stem}.${generation}.json`);
  try {
    saveOrDiskFull(() => {
      makePrivateFile(`${path}.partial`);
      save(`${path}.partial`);
    }, folder);
    syncPath(`${path}.partial`, 'r+');
    reached('index-written');
    const described: IndexCoverage = { format: 1, ...covered, bytes: statSync(`${path}.partial`).size, sha256: hashOf(`${path}.partial`) };
    renameSync(`${path}.partial`, path);
    reached('index-renamed');
    writeFileSync(`${coveragePath}.partial`, `${JSON.stringify(described)}\n`, { mode: 0o600 });
    syncPath(`${coveragePath}.partial`, 'r+');
    renameSync(`${coveragePath}.partial`, coveragePath);
    reached('coverage-renamed');
    if (process.platform !== 'win32') syncPath(folder, 'r');
    removeGenerations(folder, stem, generation);
    reached('old-index-removed');
    return { ...described, path, generation };
  } catch (error) {
    for (const left of [`${path}.partial`, `${coveragePath}.partial`]) removeQuietly(left);
    throw error;
  }
}
