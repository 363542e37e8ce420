/** The public API. */
export { open, openModels, type OpenOptions } from './open.ts';
export { openEngine, type Engine, type OpenEngineOptions } from './open-engine.ts';
export { openParser, type OpenParserOptions } from './open-parser.ts';
export { errorCatalogue, isMillraceError, MillraceError, type ErrorCode, type ErrorEntry } from './errors.ts';
export { answerTokens, exactMatch, tokenF1 } from './evaluate/answer-text.ts';
export { containsExpected } from './evaluate/holds-text.ts';
export { readBeirFolder, type BeirFolder, type JudgedQuery } from './evaluate/beir-folder.ts';
export { bootstrapMean, leavesOutZero, pairedDifference, type BootstrapOptions, type Interval } from './evaluate/bootstrap.ts';
export { checkDocuments, type CheckedBy, type CheckOptions, type CheckResult, type FoundPassage } from './evaluate/check-documents.ts';
export { comparePaired } from './evaluate/compare.ts';
export { evaluateAnswers, type AskQuestion, type EvaluateAnswersOptions } from './evaluate/evaluate-answers.ts';
export {
  evaluateRetrieval,
  rankingMeasures,
  type EvaluateRetrievalOptions,
  type MeasuredQuery,
  type RankDocuments,
  type RankingMeasure,
  type RetrievalEvaluation,
} from './evaluate/evaluate-retrieval.ts';
export { givenOf } from './evaluate/given-answer.ts';
export { openJudgedFile, type JudgedFile } from './evaluate/judged-file.ts';
export { judgeAnswer, type AnswerMeasure, type GivenAnswer, type GivenCitation, type JudgedAnswer } from './evaluate/judge-answer.ts';
export { junitReport } from './evaluate/junit.ts';
export { numbersFound } from './evaluate/number-text.ts';
export { splitOf, type JudgedQuestion, type Split } from './evaluate/question-entry.ts';
export { readJudgedQuestions } from './evaluate/question-file.ts';
export {
  createComparison,
  type ComparedQuestion,
  type PipelineAgreement,
  type PipelineComparison,
  type PipelineFigures,
} from './evaluate/compare-pipelines.ts';
export { averagePrecision, distinctDocuments, ndcgAt, recallAt, reciprocalRankAt, type Judgements } from './evaluate/ranking.ts';
export { renderReport, type EvaluationReport } from './evaluate/report.ts';
export { sample } from './evaluate/sample.ts';
export { selectiveCurve, type SelectivePoint } from './evaluate/selective.ts';
export { measureOfShare, summariseAnswers, summaryShares, type AnswerSummary, type SummaryShare } from './evaluate/summarise-answers.ts';
export type {
  Answer,
  AnswerEvent,
  AskOptions,
  Citation,
  Hit,
  SearchOptions,
  SearchResult,
  StageTimings,
  Timeouts,
  Usage,
} from './spec/answers.ts';
export { definePipeline } from './formats/define-pipeline.ts';
export { placeOf, type PageKind } from './spec/page-kind.ts';
export type { Pipeline } from './spec/pipeline.ts';
export type { GenerateStage, RerankStage, RetrieveStage, RewriteStage, Stage, StageCall, Stages } from './spec/stages.ts';
export type {
  AskManyOptions,
  BatchQuestion,
  ParallelRunOptions,
  PipelineInput,
  ResumeOptions,
  RunEvent,
  RunSummary,
  SettledQuestion,
} from './spec/runs.ts';
export type { Estimate, EstimateOptions } from './spec/estimates.ts';
export type { CellValue, SettledCell, TableOptions, TableQuestion } from './spec/tables.ts';
export type { CacheBounds, CacheName, CacheOptions, CacheReport, CacheStatistics } from './spec/caches.ts';
export type {
  CallOptions,
  Embedder,
  EngineStatistics,
  GeneratePart,
  GenerateRequest,
  Generator,
  KvMode,
  LoadEvent,
  Prompt,
  Sampling,
  Tokenizer,
  WorkClass,
} from './spec/engine.ts';
export type { Event, IngestEvent, IngestSummary } from './spec/events.ts';
export type { Metadata, MetadataFilter } from './spec/identifiers.ts';
export type {
  CollectionState,
  EmbedOptions,
  HandedSource,
  IngestOptions,
  IngestSource,
  ListOptions,
  Mill,
  MillStatus,
  MillStream,
  SourcePage,
} from './spec/mill.ts';
export type { InstalledModel, ModelListing, Models, PullProgress } from './spec/model.ts';
export type {
  DocumentParser,
  FormatParser,
  MemberFile,
  ParsedBlock,
  ParsedContent,
  ParsedPage,
  ParseRequest,
  ReadDocument,
} from './spec/parser.ts';
export type { SlicedText } from './spec/sliced-text.ts';
export type { DocumentRecord, RunRecord, SourceRecord } from './spec/store.ts';
export type { CollectionStatus, RebuildReport, VerifyReport } from './spec/store-reports.ts';
