/**
 * Every named step at which a test can end the process, or make the step fail as the system would. In the order in which a document
 * meets them. Nothing happens at them unless the environment variable `MILLRACE_FAULT` says so.
 */
export const faultPointNames = [
  // The directory
  'lock-taken',
  'migration-begun',
  'migration-applied',
  'migration-committed',
  'runs-interrupted',
  // What a program hands over to be kept
  'blob-written',
  'blob-synced',
  'blob-named',
  'blob-folder-synced',
  'sources-accepted',
  // A source on its way
  'ingest-started',
  'source-looked',
  'source-read',
  'document-parsed',
  'document-made',
  'documents-handed',
  'documents-acknowledged',
  'document-told',
  'texts-submitted',
  'vectors-handed',
  'vectors-acknowledged',
  'source-vanished',
  'ingest-ending',
  // A long document on its way
  'portion-staged',
  // Inside the transaction of the writer
  'transaction-begun',
  'document-inserted',
  'chunks-inserted',
  'source-pointed',
  'old-document-removed',
  'version-noted',
  'vectors-inserted',
  'operation-applied',
  'transaction-ready',
  'transaction-committed',
  // Files of the vector index
  'index-written',
  'index-renamed',
  'coverage-renamed',
  'old-index-removed',
  // What is asked for by name
  'purge-committed',
  'purge-overwritten',
  'backup-copied',
  'backup-synced',
  'backup-named',
] as const;
export type FaultPointName = (typeof faultPointNames)[number];

export interface FaultPoints {
  /** Returns at once, unless a test wants a fault here: then the process ends, or the system's error is thrown. */
  reach(name: FaultPointName): void;
}

/** No fault anywhere. */
export const noFaults: FaultPoints = { reach: () => undefined };
