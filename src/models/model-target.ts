import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { InstalledModel } from '../spec/model.ts';
import type { CatalogueEntry, CatalogueSource } from './catalogue-entry.ts';
import type { ModelFacts } from './inspect-model.ts';
import type { ModelName } from './model-name.ts';
import type { modelPaths } from './models-home.ts';

/** What a name stands for: where the file is or will be, and where it can come from. */
export interface ModelTarget {
  readonly id: string;
  readonly path: string;
  /** Present for what millrace installs itself. */
  readonly incoming: { readonly folder: string; readonly lock: string } | undefined;
  readonly entry: CatalogueEntry | undefined;
  readonly sources: readonly CatalogueSource[];
}

export function targetOf(name: ModelName, paths: ReturnType<typeof modelPaths>): ModelTarget {
  switch (name.kind) {
    case 'entry': {
      const { entry } = name;
      return { id: entry.id, path: paths.installed(entry.file), incoming: paths.incoming(entry.id), entry, sources: entry.sources };
    }
    case 'hub': {
      const { repository, revision, path } = name.address;
      const source: CatalogueSource = {
        kind: 'hub',
        repository,
        revision,
        // The size becomes known with the hub's answer.
        files: [{ name: 'model.gguf', path, bytes: 0, sha256: null }],
        making: { kind: 'as-fetched' },
        product: { bytes: 0, sha256: null },
      };
      return { id: name.id, path: paths.fromHub(name.address), incoming: paths.incoming(name.id), entry: undefined, sources: [source] };
    }
    case 'path':
      return { id: name.id, path: name.path, incoming: undefined, entry: undefined, sources: [] };
  }
}

/** Where facts about a file that is not ours are kept. */
export function knownPath(known: string, path: string): string {
  return join(known, `${createHash('sha256').update(path).digest('hex').slice(0, 32)}.json`);
}

/** The model as the rest of millrace sees it: the catalogue knows better than the file. */
export function describeInstalled(
  id: string,
  path: string,
  sha256: string,
  entry: CatalogueEntry | undefined,
  facts: Pick<ModelFacts, 'bytes' | 'task' | 'title' | 'licence' | 'contextTokens' | 'embedder'>,
): InstalledModel {
  const embedder = entry === undefined ? facts.embedder : entry.embedder;
  return {
    id,
    task: entry?.task ?? facts.task,
    path,
    bytes: facts.bytes,
    sha256,
    title: entry?.title ?? facts.title,
    licence: entry?.licence ?? facts.licence,
    contextTokens: entry?.contextTokens ?? facts.contextTokens,
    ...(embedder === undefined ? {} : { embedder }),
  };
}

/** Hashes of the installed file that the catalogue knows; `complete` when every source has one. */
export function pinnedHashes(sources: readonly CatalogueSource[]): { readonly hashes: ReadonlySet<string>; readonly complete: boolean } {
  const known = sources.map(({ product }) => product.sha256).filter((sha256) => sha256 !== null);
  return { hashes: new Set(known), complete: sources.length > 0 && known.length === sources.length };
}
