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

/** The members from number `from` on, as many as fit one portion and at least one. */
export async function memberPortion(listed: readonly ListedMember[], from: number): Promise<MemberPortion> {
  const names = uniqueNames(listed.map(({ name }) => memberName(name)));
  const members: MemberFile[] = [];
  let bytes = 0;
  for (let number = from; number < listed.length; number += 1) {
    const one = listed[number];
    if (one === undefined) break;
    const content = await one.read();
    members.push({
      name: names[number] ?? one.name,
      bytes: content,
      ...(one.contentType === undefined ? {} : { contentType: one.contentType }),
    });
    bytes += content.length;
    if (bytes >= portionBytes && number + 1 < listed.length) return { members, nextMember: number + 1 };
  }
  return { members };
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
