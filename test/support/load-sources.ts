import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { entries, entryPath } from '../../src/util/entry.ts';
import type { EntryName } from '../../src/util/entry.ts';

/** Imports every source but tests, their fixtures and what starts at once, so that Node.js keeps it stripped of its types. */
const root = fileURLToPath(new URL('../../src/', import.meta.url));
const starting = new Set((Object.keys(entries) as EntryName[]).map(entryPath));
for (const file of globSync('**/*.ts', { cwd: root })) {
  const url = new URL(file, pathToFileURL(root));
  if (!/\.test\.ts$|\bfixtures\b/u.test(file) && !starting.has(fileURLToPath(url))) await import(url.href);
}
