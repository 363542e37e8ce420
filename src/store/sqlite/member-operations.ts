import type { OperationOutcome, SourceRecord, StoreOperation } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { isMember } from './member-rows.ts';
import { checksumOf } from './row-checksum.ts';
import { deleteSource, touch } from './source-operations.ts';

type Operation<Type extends StoreOperation['type']> = Extract<StoreOperation, { type: Type }>;

function memberKeys(connection: Connection, collection: string, container: string): readonly string[] {
  // Asked of every document: with ORDER BY the statement would be compiled anew each time.
  const rows = connection.prepare(`SELECT key FROM sources WHERE ${isMember}`).all({ collection, container });
  return (rows as Pick<SourceRecord, 'key'>[]).map(({ key }) => key).toSorted();
}

/** Removes the files of a container but these and what they hold. Returns the keys of those that went. */
export function removeMembers(
  connection: Connection,
  collection: string,
  container: string,
  present: readonly string[] = [],
): readonly string[] {
  const keys = memberKeys(connection, collection, container);
  if (keys.length === 0) return keys;
  const kept = new Set(present);
  const vanished = keys.filter((key) => !kept.has(key) && !holdersOf(key, container.length).some((holder) => kept.has(holder)));
  for (const key of vanished) deleteSource(connection, collection, key);
  if (vanished.length > 0) touch(connection, collection);
  return vanished;
}

/** The containers inside the outer one that a file lies in. */
function holdersOf(key: string, outerLength: number): readonly string[] {
  const holders: string[] = [];
  for (let at = key.indexOf('!/', outerLength + 2); at !== -1; at = key.indexOf('!/', at + 2)) holders.push(key.slice(0, at));
  return holders;
}

/** A source and what it contains. */
export function removeSource(connection: Connection, { collection, key }: Operation<'removeSource'>): OperationOutcome {
  const freedBlob = deleteSource(connection, collection, key);
  const members = removeMembers(connection, collection, key);
  if (freedBlob === undefined && members.length === 0) return { done: false };
  touch(connection, collection);
  return {
    done: true,
    removed: freedBlob === undefined ? members : [key, ...members],
    ...(freedBlob === undefined || freedBlob === null ? {} : { freedBlob }),
  };
}

export function describeMembers(connection: Connection, operation: Operation<'describeMembers'>): OperationOutcome {
  const { collection, container, at } = operation;
  const metadata = JSON.stringify(operation.metadata);
  const { changes } = connection
    .prepare(`UPDATE sources SET metadata = @metadata, updated_at = @at WHERE ${isMember} AND metadata <> @metadata`)
    .run({ collection, container, metadata, at });
  if (changes === 0) return { done: false };
  connection.prepare(`UPDATE sources SET checksum = ${checksumOf('sources')} WHERE ${isMember}`).run({ collection, container });
  touch(connection, collection);
  return { done: true };
}
