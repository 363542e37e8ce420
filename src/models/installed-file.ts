import { stat } from 'node:fs/promises';
import { MillraceError } from '../errors.ts';
import { hashFile } from './hash-file.ts';
import { inspectModel } from './inspect-model.ts';
import { type ModelRecord, recordPath, readRecord, writeRecord } from './model-record.ts';

/** The record of an installed file; undefined when the file or its record is missing. Reads two small things, hashes nothing. */
export async function findInstalled(path: string): Promise<ModelRecord | undefined> {
  const record = await readRecord(recordPath(path));
  if (record === undefined) return undefined;
  const there = await stat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  return there === undefined ? undefined : record;
}

/**
 * Makes sure that a file is the one that was recorded. Size and modification time are compared; only when they differ are the
 * header read and the content hashed.
 *
 * @throws MillraceError E_MODEL_INVALID (cut short or no model), E_MODEL_TAMPERED
 */
export async function confirmInstalled(path: string, record: ModelRecord, now: number, signal?: AbortSignal): Promise<void> {
  const stats = await stat(path);
  if (stats.size === record.bytes && stats.mtimeMs === record.modifiedMs) return;
  await inspectModel(path);
  const sha256 = await hashFile(path, signal);
  if (sha256 !== record.sha256) throw tampered(record.id, path, sha256, record.sha256);
  await writeRecord(recordPath(path), { ...record, modifiedMs: stats.mtimeMs, checkedAt: now });
}

export function tampered(id: string, path: string, sha256: string, expected: string): MillraceError {
  return new MillraceError('E_MODEL_TAMPERED', `The file of ${id} (${path}) was changed: its sha256 is ${sha256} instead of ${expected}.`, {
    remedy: `Run "millrace models remove ${id}" and "millrace models pull ${id}".`,
    details: { id, path, sha256, expected },
  });
}
