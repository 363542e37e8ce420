/** The public API. */
export { open, openModels, type OpenOptions } from './open.ts';
export { errorCatalogue, isMillraceError, MillraceError, type ErrorCode, type ErrorEntry } from './errors.ts';
export type { Answer, AnswerEvent, AskOptions, Citation, Hit, SearchOptions, SearchResult, StageTimings, Usage } from './spec/answers.ts';
export type { Event, IngestEvent, IngestSummary } from './spec/events.ts';
export type { Metadata, MetadataFilter } from './spec/identifiers.ts';
export type { HandedSource, IngestOptions, IngestSource, Mill, MillStatus, MillStream } from './spec/mill.ts';
export type { InstalledModel, ModelListing, Models, PullProgress } from './spec/model.ts';
export type { CollectionStatus, DocumentRecord, RunRecord, SourceRecord, VerifyReport } from './spec/store.ts';
