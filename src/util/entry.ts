import { fileURLToPath } from 'node:url';

/**
 * Every file that starts as a process or thread of its own. Children and workers are started only through this table, which the
 * package test starts from the packed tarball; the extension follows the file that is running (`.ts` in a clone, `.js` in `dist`).
 */
export const entries = {
  cli: '../cli/main',
  'parse-child': '../parse/child/main',
  'llama-child': '../engines/llama/child/main',
  'llama-worker': '../engines/llama/child/worker',
  'store-writer': '../store/sqlite/writer-thread',
  'store-reader': '../store/sqlite/reader-thread',
  workbook: '../cli/workbook-thread',
} as const;

export type EntryName = keyof typeof entries;

export function entryUrl(name: EntryName): URL {
  return new URL(`${entries[name]}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}

export function entryPath(name: EntryName): string {
  return fileURLToPath(entryUrl(name));
}
