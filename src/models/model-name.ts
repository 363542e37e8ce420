import { isAbsolute, resolve } from 'node:path';
import { MillraceError } from '../errors.ts';
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

const hubPattern = /^hf:([\w.-]+\/[\w.-]+?)(?:@([\w./-]+?))?\/((?:[\w .+-]+\/)*[\w .+-]+\.gguf)$/iu;

/** Understands what a user calls a model. Catalogue ids come first; what ends in `.gguf` or has a separator is a path. */
export function parseModelName(name: string, entries: readonly CatalogueEntry[], workingDirectory: string): ModelName {
  const entry = entries.find(({ id }) => id === name.toLowerCase());
  if (entry !== undefined) return { kind: 'entry', entry };
  if (/^hf:/iu.test(name)) {
    const match = hubPattern.exec(name);
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

/** Up to three names that differ in few letters or contain what was typed, nearest first. */
export function nearestNames(name: string, candidates: readonly string[]): string[] {
  return candidates
    .map((candidate) => ({
      candidate,
      distance: candidate.includes(name) && name.length > 2 ? 1 : editDistance(name.slice(0, 64), candidate),
    }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replace = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replace, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
