import { isMillraceError } from '../errors.ts';
import type { MemberFile } from '../spec/parser.ts';

/** Members are handed over in portions of about this size, so that a large archive never is in memory as a whole. */
const portionBytes = 8 * 1024 * 1024;

export interface ListedMember {
  readonly name: string;
  readonly contentType?: string;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface MemberPortion {
  readonly members: MemberFile[];
  /** Number of the first member of the next portion; absent after the last one. */
  readonly nextMember?: number;
}

/**
 * The members from number `from` on, as many as fit one portion and at least one. One that is damaged or protected fails for itself; where
 * none can be read, the container fails as its first one does.
 */
export async function memberPortion(listed: readonly ListedMember[], from: number): Promise<MemberPortion> {
  const names = uniqueNames(listed.map(({ name }) => memberName(name)));
  const members: MemberFile[] = [];
  let bytes = 0;
  let failed: { readonly first: unknown; count: number } | undefined;
  for (let number = from; number < listed.length; number += 1) {
    const one = listed[number];
    if (one === undefined) break;
    const name = names[number] ?? one.name;
    const hint = one.contentType === undefined ? {} : { contentType: one.contentType };
    try {
      const content = await one.read();
      members.push({ name, bytes: content, ...hint });
      bytes += content.length;
    } catch (error) {
      const failure = failureOfOne(error);
      if (failure === undefined) throw error;
      members.push({ name, bytes: new Uint8Array(), ...hint, failure });
      failed ??= { first: error, count: 0 };
      failed.count += 1;
    }
    if (bytes >= portionBytes && number + 1 < listed.length) return { members, nextMember: number + 1 };
  }
  if (failed?.count === listed.length) throw failed.first;
  return { members };
}

function failureOfOne(error: unknown): MemberFile['failure'] {
  if (!isMillraceError(error)) return undefined;
  const { code, message } = error;
  return code === 'E_DOCUMENT_DAMAGED' || code === 'E_DOCUMENT_ENCRYPTED' ? { code, message } : undefined;
}

/** A relative path with forward slashes, without "." and ".." parts: it becomes part of a source's key. */
export function memberName(name: string): string {
  const parts = name
    // eslint-disable-next-line no-control-regex -- names inside archives are any bytes
    .replace(/[\0-\u001F\u007F]/g, ' ')
    .split(/[\\/]+/)
    .filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.join('/').slice(0, 1_000).toWellFormed() || 'unnamed';
}

function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  const next = new Map<string, number>();
  return names.map((name) => {
    if (!seen.has(name)) {
      seen.add(name);
      return name;
    }
    for (let count = next.get(name) ?? 2; ; count += 1) {
      const unique = name.replace(/(\.[^./]*)?$/, ` (${count})$1`);
      if (taken.has(unique)) continue;
      taken.add(unique);
      next.set(name, count + 1);
      return unique;
    }
  });
}
