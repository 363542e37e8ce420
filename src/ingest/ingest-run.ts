import type { Embedder } from '../spec/engine.ts';
import type { IngestEvent, IngestSummary } from '../spec/events.ts';
import type { IngestOptions } from '../spec/mill.ts';
import type { FaultPoints } from '../spec/faults.ts';
import type { DocumentParser } from '../spec/parser.ts';
import type { Store } from '../spec/store.ts';
import type { Scheduler } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';
import type { GivenFacts } from './discover.ts';
import type { Chunker } from './chunk-maker.ts';
import type { LongDocument } from './long-document.ts';

export interface IngestParts {
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly parser: Pick<DocumentParser, 'optionsHash' | 'formats' | 'ocr'>;
  readonly chunker: Chunker;
  /** Loads on first use. Its tokenizer counts for the chunker, also where vectors are left for later. */
  embedder(): Promise<Embedder>;
  readonly clock: Clock;
  readonly workingDirectory: string;
  /** Named steps at which tests end the process. Default: none. */
  readonly faults?: FaultPoints;
  readonly limits?: Partial<IngestLimits>;
}

export interface WatchLimits {
  /** A file counts as written when its size has stood still so long, ms. */
  readonly watchSettleMs: number;
  /** Changes that follow each other so closely are one batch, ms: a renamed file then keeps its document. */
  readonly watchQuietMs: number;
  /** Changes that wait at most; with more the folders are looked through as a whole. */
  readonly watchedChanges: number;
}

/** What one call holds in memory, whatever the number and size of its sources. */
export interface IngestLimits extends WatchLimits {
  /** Of all files being read, parsed and chunked. One larger file is taken alone. */
  readonly bytesInFlight: number;
  /** Of the files of containers that are being unpacked, for each depth of nesting. */
  readonly memberBytes: number;
  /** Paths found ahead of reading, and bytes of handed-over texts. */
  readonly foundItems: number;
  readonly foundBytes: number;
  /** UTF-16 units of the documents of one commit. */
  readonly commitLength: number;
  /** A commit waits so long for more documents. */
  readonly commitQuietMs: number;
  /** The same for vectors, which come in small calls where little text is read at a time. */
  readonly vectorsQuietMs: number;
  /** Least time between two progress events. */
  readonly progressMs: number;
}

const megabyte = 1024 * 1024;

export const defaultIngestLimits: IngestLimits = {
  bytesInFlight: 128 * megabyte,
  memberBytes: 32 * megabyte,
  foundItems: 10_000,
  foundBytes: 4 * megabyte,
  commitLength: 16 * megabyte,
  commitQuietMs: 5,
  vectorsQuietMs: 100,
  progressMs: 500,
  watchSettleMs: 1_000,
  watchQuietMs: 250,
  watchedChanges: 10_000,
};

export type EventBody = IngestEvent extends infer Each ? (Each extends IngestEvent ? Omit<Each, 'sequence' | 'at'> : never) : never;

/** Figures of the call so far. */
export interface IngestCounts {
  /** Sources, and paths that name nothing. At the end it is the sum of `indexed`, `skipped`, `failed` and `quarantined`. */
  found: number;
  /** Of them files inside containers, which are found when their container is read. */
  inside: number;
  allFound: boolean;
  indexed: number;
  skipped: number;
  /** Paths that name nothing included, without those in quarantine. */
  failed: number;
  quarantined: number;
  /** Of the failed ones: paths that name nothing. */
  unreachable: number;
  /** Taken out of the record because their file is gone. */
  removed: number;
  chunks: number;
  bytes: number;
  /** Chunks that the embedder refused, and why it refused the first. */
  unembedded?: NonNullable<IngestSummary['unembedded']>;
}

/** One call of `ingest`. */
export interface IngestRun {
  readonly parts: IngestParts;
  readonly options: IngestOptions;
  readonly limits: IngestLimits;
  readonly collection: string;
  readonly embedder: Embedder;
  readonly counts: IngestCounts;
  /** Title and metadata that the call gives to a source, by its key. */
  factsOf(key: string): GivenFacts;
  /** Long documents on their way to the record; those that are left are given up when the call ends. */
  readonly staged: Set<Pick<LongDocument, 'forget'>>;
  /** Numbers the event and hands it over, one after another; waits while the consumer is slow. */
  emit(event: EventBody): Promise<void>;
}

/** Emits events one after another, numbered without gaps. */
export function createEmitter(clock: Clock, hand: (event: IngestEvent) => Promise<void>) {
  let sequence = 0;
  let last: Promise<void> = Promise.resolve();

  const stamp = (event: EventBody): IngestEvent => ({ ...event, sequence: sequence + 1, at: new Date(clock.now()).toISOString() });

  async function next(event: EventBody): Promise<void> {
    await hand(stamp(event));
    sequence += 1;
  }

  return {
    stamp,
    emit(event: EventBody): Promise<void> {
      const mine = last.then(() => next(event));
      // An event that could not be handed over fails its own caller, not the one after it.
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}
