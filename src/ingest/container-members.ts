import { MillraceError } from '../errors.ts';
import type { Metadata } from '../spec/identifiers.ts';
import type { MemberFile, ReadDocument } from '../spec/parser.ts';
import { type BytePermits, createBytePermits } from '../util/byte-permits.ts';

/** A file inside a container, with the container's key and the place of its document: `uri!/member`. */
export interface MemberSource {
  readonly kind: 'member';
  readonly key: string;
  readonly uri: string;
  readonly file: MemberFile;
  /** Of the container. */
  readonly metadata: Metadata;
  readonly family: Family;
}

/** All that one source unpacks to, containers inside it included. */
export interface Family {
  /** 1 for the members of a source, 2 for theirs, … */
  readonly depth: number;
  /** Bytes of the source. */
  readonly packed: number;
  readonly unpacked: { files: number; bytes: number };
}

const maxDepth = 4;
const maxFiles = 10_000;
const maxBytes = 1024 * 1024 * 1024;
/** Unpacked to packed bytes; counts once `ratioFromBytes` are unpacked. Its parser unpacks a portion of it at a time and sees no more. */
const maxRatio = 100;
const ratioFromBytes = 10 * 1024 * 1024;

/** Where every container of the call waits for memory: one bound a depth, so that no container waits for one that waits for it. */
export function createMemberPermits(bytes: number): readonly BytePermits[] {
  return Array.from({ length: maxDepth }, () => createBytePermits(bytes));
}

export interface Container {
  readonly key: string;
  readonly uri: string;
  /** Packed. */
  readonly bytes: number;
  readonly metadata: Metadata;
  /** Absent for a source of its own. */
  readonly family?: Family;
}

export interface MemberSteps {
  /** The first portion, parsed with the container. */
  readonly first: ReadDocument;
  readonly permits: readonly BytePermits[];
  readonly signal: AbortSignal;
  /** Parses the container again for its next portion. */
  next(membersFrom: number): Promise<ReadDocument>;
  prepare(member: MemberSource): Promise<void>;
}

/**
 * Prepares the members of a container one after another, a portion in memory at a time, and hands them over to be committed. Returns
 * their keys.
 * @throws MillraceError E_DOCUMENT_TOO_LARGE beyond the limits on depth, files and bytes
 */
export async function prepareMembers(container: Container, steps: MemberSteps): Promise<readonly string[]> {
  const keys: string[] = [];
  const family: Family = {
    depth: (container.family?.depth ?? 0) + 1,
    packed: container.family?.packed ?? container.bytes,
    unpacked: container.family?.unpacked ?? { files: 0, bytes: 0 },
  };
  let portion = steps.first;
  for (;;) {
    const members = portion.members ?? [];
    const size = members.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const release = await permitsAt(steps.permits, family.depth, container.key).take(size, steps.signal);
    try {
      for (const file of members) {
        count(family, file, container);
        const key = `${container.key}!/${file.name}`;
        keys.push(key);
        const uri = `${container.uri}!/${encodeURI(file.name)}`;
        await steps.prepare({ kind: 'member', key, uri, file, metadata: container.metadata, family });
      }
    } finally {
      release();
    }
    if (portion.nextMember === undefined) return keys;
    portion = await steps.next(portion.nextMember);
  }
}

function permitsAt(permits: readonly BytePermits[], depth: number, key: string): BytePermits {
  const found = permits[depth - 1];
  if (found !== undefined) return found;
  throw new MillraceError('E_DOCUMENT_TOO_LARGE', `${key} is a container inside ${maxDepth} others; deeper ones are not unpacked.`);
}

function count({ unpacked, packed }: Family, { bytes }: MemberFile, { key }: Container): void {
  unpacked.files += 1;
  unpacked.bytes += bytes.length;
  if (unpacked.bytes > ratioFromBytes && unpacked.bytes > maxRatio * packed) {
    const message = `${key} belongs to a container that unpacks to more than ${maxRatio} times its size; the files read so far are kept.`;
    throw new MillraceError('E_DOCUMENT_TOO_LARGE', message);
  }
  if (unpacked.files <= maxFiles && unpacked.bytes <= maxBytes) return;
  throw new MillraceError(
    'E_DOCUMENT_TOO_LARGE',
    `${key} belongs to a container of more than ${maxFiles} files or ${maxBytes / 1024 / 1024} MB; those read so far are kept.`,
  );
}
