import type { ErrorData } from '../../errors.ts';
import type { RunId } from '../../spec/identifiers.ts';
import type { PreparedOperation } from './operations.ts';
import type { DocumentPortion } from '../../spec/store.ts';
import type { PackedOperations } from './packed-operations.ts';
import type { RecordMethod } from './queries.ts';

/** What the main thread and the threads of the store say to each other. Every request gets one answer with its number. */
export type WriterCall =
  | { readonly type: 'commit'; readonly operations: readonly PreparedOperation[] }
  /** `alone`: with a long document, in no transaction with others. */
  | { readonly type: 'commitPacked'; readonly operations: PackedOperations; readonly alone?: boolean }
  | StagingCall
  | {
      readonly type: 'claimItems';
      readonly run: RunId;
      readonly options: { readonly limit: number; readonly leaseUntil: number; readonly at: number };
    }
  | { readonly type: 'writeSetting'; readonly key: string; readonly value: unknown }
  | { readonly type: 'rebuild' }
  | { readonly type: 'purge'; readonly collection: string; readonly key: string; readonly at: number }
  /** A purge is carried out to its end. */
  | { readonly type: 'endPurge'; readonly collection: string; readonly key: string }
  | { readonly type: 'pendingPurges' }
  /** Overwrites what was freed. Not part of any transaction. */
  | { readonly type: 'overwriteFreed' }
  /** Which of these kept bytes no source names. */
  | { readonly type: 'unusedBlobs'; readonly sha256s: readonly string[] }
  | { readonly type: 'close' };

/** Of a long document, ahead of the operation that names the same number. Not part of any transaction. */
export type StagingCall =
  | { readonly type: 'portion'; readonly document: number; readonly portion: DocumentPortion }
  | { readonly type: 'forgetPortions'; readonly document: number };

export type ReaderCall =
  | { readonly type: 'read'; readonly method: RecordMethod; readonly parameters: readonly unknown[] }
  /** New vectors are in the record: extends the vector index. */
  | { readonly type: 'extendIndex' }
  /** Builds every vector index anew; answered when they are on the disk. */
  | { readonly type: 'rebuildIndex' }
  /** Whether a process writes to the directory. */
  | { readonly type: 'hasWriter' }
  | { readonly type: 'backup'; readonly target: string; readonly partial: string }
  /** `extendsIndex`: the vector index may be behind the record. */
  | { readonly type: 'close'; readonly extendsIndex: boolean };

export interface ThreadRequest<Call> {
  readonly number: number;
  readonly call: Call;
}

export type ThreadAnswer = { readonly number: number; readonly value: unknown } | { readonly number: number; readonly error: ErrorData };

/** Number of the unasked first answer: the thread is ready, or could not start. */
export const startNumber = 0;

export interface ThreadData {
  readonly directory: string;
  /** Command line of the process, for the description of the owner. */
  readonly command: string;
  /** False leaves it to the operating system when a commit reaches the disk. Default true. */
  readonly isDurable?: boolean;
  /** True for the one thread of the writer's process that writes generation files of the vector index. */
  readonly writesIndex?: boolean;
}
