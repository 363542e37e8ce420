import { resolve } from 'node:path';
import type { IngestOptions } from '../spec/mill.ts';
import type { GivenFacts } from './discover.ts';

/** Title and metadata that a call gives to a source: those of all sources, and before them those of this one, named by path or id. */
export function createFacts(
  { metadata, metadataBySource }: Pick<IngestOptions, 'metadata' | 'metadataBySource'>,
  workingDirectory: string,
): (key: string) => GivenFacts {
  const single = new Map<string, GivenFacts>();
  for (const [name, facts] of Object.entries(metadataBySource ?? {})) {
    single.set(resolve(workingDirectory, name), facts);
    single.set(name, facts);
  }
  return (key) => {
    const own = single.get(key);
    return own === undefined ? { metadata } : { title: own.title, metadata: { ...metadata, ...own.metadata } };
  };
}
