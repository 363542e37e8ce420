import { MillraceError } from '../errors.ts';
import type { RunRecord } from '../spec/store.ts';
import { canonicalJson } from '../util/hash.ts';
import { shorten, visible } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

/** Flags that are not called as their options. */
const flags: Readonly<Record<string, string>> = {
  quotesOnly: '--quotes',
  cache: '--no-cache',
  timeouts: '--first-token-timeout or --token-timeout',
};

/**
 * The same command again goes on with what its run was begun with: other options are told, and not ignored.
 * @param now with the defaults of the directory under them, as they were kept with the run
 * @throws MillraceError E_RUN_CHANGED with the options that differ
 */
export function requireSameOptions({ id, definition }: Pick<RunRecord, 'id' | 'definition'>, now: Options): void {
  const { options, defaults } = (definition ?? {}) as { readonly options?: Options; readonly defaults?: Options };
  const before = { ...defaults, ...options };
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const changed = names.filter((name) => canonicalJson(before[name] ?? null) !== canonicalJson(now[name] ?? null));
  if (changed.length === 0) return;
  const told = changed.map((name) => `${flagOf(name)} (${describe(before[name])} then, ${describe(now[name])} now)`);
  throw new MillraceError('E_RUN_CHANGED', `The run ${id} of these files was begun with other options: ${told.join(', ')}.`, {
    remedy: `Give the options as they were, go on with them by "millrace runs resume ${id}", or start anew with --force.`,
    details: { changed },
  });
}

function flagOf(name: string): string {
  return flags[name] ?? `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return 'not given';
  return visible(typeof value === 'string' ? value : shorten(JSON.stringify(value), 60));
}
