import { readFileSync } from 'node:fs';
import type { Mill } from '../spec/mill.ts';

/** Of this package. */
export function packageVersion(): string {
  const data: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof data === 'object' && data !== null && 'version' in data ? String(data.version) : 'unknown';
}

export interface Versions {
  readonly millrace: string;
  readonly node: string;
  /** Of the prompts and of how answers are judged. */
  readonly prompts: number;
  readonly embedder: string | null;
  readonly generators: readonly string[];
}

/** What made a result: this package, Node.js and the models that are loaded. */
export async function versionsOf(mill: Mill): Promise<Versions> {
  const { promptVersion: prompts, embedder, generators } = await mill.status();
  return { millrace: packageVersion(), node: process.versions.node, prompts, embedder, generators };
}
