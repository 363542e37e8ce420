import type { DocumentId, RunId } from './identifiers.ts';

export interface CollectionStatus {
  readonly collection: string;
  readonly sources: number;
  readonly failedSources: number;
  readonly documents: number;
  readonly chunks: number;
  /** Chunks that have a vector of this embedder. */
  readonly embedded: Readonly<Record<string, number>>;
  readonly textLength: number;
  /** Grows with every committed change of the collection. */
  readonly revision: number;
}

export interface RebuildReport {
  /** Chunks whose stored text is damaged: they are in no index. `verify` names their documents. */
  readonly damagedChunks: number;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** One sentence for each difference found, at most 1,000. */
  readonly problems: readonly string[];
  readonly checked: { readonly documents: number; readonly chunks: number; readonly vectors: number };
}

/** What a purge has overwritten, and what it cannot reach. */
export interface PurgeReport {
  /** Documents of the source, those of its older versions included. */
  readonly documents: readonly DocumentId[];
  /** Runs in which quotes, passages or answers of theirs were blanked, with the number of items and the run's label. */
  readonly runs: readonly { readonly run: RunId; readonly items: number; readonly label: Readonly<Record<string, string>> }[];
}
