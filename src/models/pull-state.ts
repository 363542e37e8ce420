import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { writeFileAtomically } from '../util/files.ts';

/** What is known about an unfinished file, beside it as `<file>.state.json`. Damaged or of another shape means unknown. */
export async function readState<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(statePath(path), 'utf8')));
  } catch (error) {
    if (error instanceof Error && ['SyntaxError', 'ZodError', '$ZodError'].includes(error.name)) return undefined;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeState(path: string, state: unknown): Promise<void> {
  await writeFileAtomically(statePath(path), JSON.stringify(state));
}

function statePath(path: string): string {
  return `${path}.state.json`;
}
