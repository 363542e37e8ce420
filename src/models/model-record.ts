import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { installedModel } from '../spec/model.ts';
import { writeFileAtomically } from '../util/files.ts';

/** What was found out about a model file when it was installed or first used; stands beside it as `<file>.json`. */
export const modelRecord = installedModel.omit({ path: true }).extend({
  format: z.literal(1),
  /** When the file was last known to be intact, ms since the epoch, and the modification time it had then. */
  checkedAt: z.number(),
  modifiedMs: z.number(),
  /** Where it came from: `hub:owner/repository@revision`, `wheel:package==version`, `by hand`, `path`. */
  source: z.string(),
});
export type ModelRecord = z.infer<typeof modelRecord>;

export function recordPath(modelPath: string): string {
  return `${modelPath}.json`;
}

/** The record at `path`; undefined when there is none, or it is damaged (then the file is treated as unknown and hashed again). */
export async function readRecord(path: string): Promise<ModelRecord | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const parsed = modelRecord.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRecord(path: string, record: ModelRecord): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomically(path, `${JSON.stringify(record, null, 2)}\n`);
}

export async function removeRecord(path: string): Promise<void> {
  await rm(path, { force: true });
}
