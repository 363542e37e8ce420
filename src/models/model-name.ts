import { isAbsolute, resolve } from 'node:path';
import { MillraceError } from '../errors.ts';
import { nearestNames } from '../util/nearest-names.ts';
import type { CatalogueEntry } from './catalogue-entry.ts';

/** A file on the hub: `hf:owner/repository/path/file.gguf`, with `@revision` after the repository if not `main`. */
export interface HubAddress {
  readonly repository: string;
  readonly revision: string;
  readonly path: string;
}

export type ModelName =
  | { readonly kind: 'entry'; readonly entry: CatalogueEntry }
  | { readonly kind: 'hub'; readonly id: string; readonly address: HubAddress }
  | { readonly kind: 'path'; readonly id: string; readonly path: string };

/** A longer name is no address. UTF-16 units. */
const longestAddress = 1_000;
const hubPattern = /^hf:([\w.-]+\/[\w.-]+?)(?:@([\w./-]+?))?\/((?:[\w .+-]+\/)*[\w .+-]+\.gguf)$/iu;

/** Understands what a user calls a model. Catalogue ids come first; what ends in `.gguf` or has a separator is a path. */
export function parseModelName(name: string, entries: readonly CatalogueEntry[], workingDirectory: string): ModelName {
  const entry = entries.find(({ id }) => id === name.toLowerCase());
  if (entry !== undefined) return { kind: 'entry', entry };
  if (/^hf:/iu.test(name)) {
    const match = name.length > longestAddress ? null : hubPattern.exec(name);
    const [, repository, revision, path] = match ?? [];
    const segments = `${repository ?? '..'}/${revision ?? 'main'}/${path ?? '..'}`.split('/');
    if (repository === undefined || path === undefined || segments.some((segment) => /^\.+$/u.test(segment))) {
      throw new MillraceError('E_MODEL_UNKNOWN', `The hub address ${quote(name)} is not of the form hf:owner/repository/file.gguf.`);
    }
    return { kind: 'hub', id: name, address: { repository, revision: revision ?? 'main', path } };
  }
  if (/\.gguf$/iu.test(name) || isAbsolute(name) || /[\\/]/u.test(name)) {
    return { kind: 'path', id: name, path: resolve(workingDirectory, name) };
  }
  const near = nearestNames(
    name.toLowerCase(),
    entries.map(({ id }) => id),
  );
  const hint = near.length === 0 ? '' : ` Did you mean ${near.join(' or ')}?`;
  throw new MillraceError('E_MODEL_UNKNOWN', `There is no model called ${quote(name)}.${hint}`, { details: { name, nearest: near } });
}

function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
