import { z } from 'zod';
import { citation, questionText, stageTimings, timeouts, usage } from './answers.ts';
import { errorData } from './failure.ts';
import { collectionName, metadataFilter } from './identifiers.ts';
import { itemStatus } from './run-item.ts';

/** What kind of value a column holds. `json` needs a schema. */
export const valueTypes = ['text', 'yes/no', 'number', 'date', 'list', 'json'] as const;
export const valueType = z.enum(valueTypes);
export type ValueTypeName = z.infer<typeof valueType>;

/** One column: a text, or a text with what its values are. */
export const tableQuestion = z.union([
  questionText,
  z.strictObject({
    question: questionText,
    /** Comes back with each cell and heads the column. Unique in its table. */
    id: z.string().min(1).max(2_000).optional(),
    /** Default `text`. */
    type: valueType.optional(),
    /** Of a number: the model is told to answer in it, and gives the number alone. */
    unit: z.string().min(1).max(40).optional(),
    /** A JSON schema, with type `json` only: object, array, string, number, integer, boolean, null, enum, const, anyOf. */
    schema: z.unknown().optional(),
    /** Why the question could not be read, for readers of files: its cells fail with this, and no other column is disturbed. */
    unreadable: errorData.optional(),
  }),
]);
export type TableQuestion = z.infer<typeof tableQuestion>;
/** The columns of one table. What is wrong with one of them is told by its cells. */
export const tableQuestions = z.array(z.custom<TableQuestion>()).max(1_000);
/** A column as it is kept. */
export type TableColumn = Exclude<TableQuestion, string>;

export const tableOptions = z.object({
  collection: collectionName.optional(),
  /**
   * Which sources are the rows: keys, paths, folders, or patterns over keys (`reports/**` + `/*.pdf`). Default: all of the collection. A
   * name that fits no source becomes a row that fails with the reason.
   */
  documents: z.array(z.string().min(1).max(4_096)).min(1).max(10_000).optional(),
  /** Only sources with this metadata. */
  filter: metadataFilter.optional(),
  /** How passages of a document that is too long are found. Default `hybrid`. */
  mode: z.enum(['hybrid', 'text', 'vector']).optional(),
  /** Longest document that is read whole, in tokens. Default: what one answer can hold, and no more than reading passages for each question would cost. */
  documentTokens: z.number().int().min(0).max(1_000_000).optional(),
  /** Most tokens of passages of a longer document, for each question. */
  contextTokens: z.number().int().min(64).max(131_072).optional(),
  /** Most tokens of a value. Default 64, of lists and JSON 256. */
  maxTokens: z.number().int().min(1).max(8_192).optional(),
  temperature: z.number().min(0).max(2).optional(),
  seed: z.number().int().nonnegative().optional(),
  /** Cells in work at the same time. Default 16. */
  concurrency: z.number().int().min(1).max(1_000).optional(),
  /** Cells in the order of the table instead of in the order of completion. */
  ordered: z.boolean().optional(),
  /** For each cell, from when its work starts. A cell past it settles as `expired`. */
  questionTimeoutMs: z.number().positive().optional(),
  /** The same in parts, for each cell: until its value begins, and between two pieces of it. What runs past it settles as `expired`. */
  timeouts: timeouts.optional(),
  /** The run stops cleanly after this time and can be resumed. */
  maxTimeMs: z.number().positive().optional(),
  label: z.record(z.string(), z.string()).optional(),
});
export type TableOptions = z.infer<typeof tableOptions> & { readonly signal?: AbortSignal };

/** A source as a row of a table: `document` and the hash of its text are those of the version that is read. */
export const tableRow = z.object({
  source: z.string(),
  uri: z.string(),
  title: z.string().nullable(),
  document: z.string().nullable(),
  textSha256: z.string().nullable(),
  /** Why there is no document: every cell of the row fails with it. */
  error: errorData.nullable(),
});
export type TableRow = z.infer<typeof tableRow>;

/** What the record keeps of a run of kind `table`. */
export const tableDefinition = z.object({
  options: tableOptions.omit({ concurrency: true, ordered: true, questionTimeoutMs: true, maxTimeMs: true, label: true }),
  pipelineHash: z.string(),
  label: z.record(z.string(), z.string()),
  columns: z.array(tableQuestion.options[1]),
  rows: z.array(tableRow),
});
export type TableDefinition = z.infer<typeof tableDefinition>;

/** Null where the document does not hold it. */
export const cellValue = z.union([
  z.string(),
  z.boolean(),
  z.object({ number: z.number(), unit: z.string().nullable() }),
  z.array(z.string()),
  z.json(),
]);
export type CellValue = z.infer<typeof cellValue>;

/** One settled cell: what one document says to one question. */
export const settledCell = z.object({
  /** Place in the run, row after row: `row` × number of columns + `column`. */
  index: z.number().int().nonnegative(),
  row: z.number().int().nonnegative(),
  column: z.number().int().nonnegative(),
  source: z.string(),
  uri: z.string(),
  title: z.string().nullable(),
  document: z.string().nullable(),
  id: z.string().nullable(),
  question: z.string(),
  type: valueType,
  status: itemStatus,
  value: cellValue.nullable(),
  /** True where the document does not hold the answer: `value` is null then. */
  empty: z.boolean(),
  /** What the model wrote. */
  text: z.string().nullable(),
  /** Where the value stands, best first: each quote is a verbatim span of the document in the record. */
  citations: z.array(citation),
  /**
   * How far the value can be trusted, 0 to 1: the share of its words and numbers that stand in the sentences it cites; for yes/no the
   * share of the question's words. 1 is no proof, and 0 means that nothing in the document says so in these words. Null for an empty cell.
   */
  support: z.number().nullable(),
  /** Mean log-probability of the tokens that the model wrote, by its own reckoning: nearer to 0 is surer. Null where the engine does not tell. */
  meanLogProbability: z.number().nullable(),
  /** How the document was read: whole, or passages of it. */
  read: z.enum(['whole', 'passages']).nullable(),
  error: errorData.nullable(),
  attempts: z.number().int().nonnegative(),
  /** ISO 8601 with ms. */
  startedAt: z.string().nullable(),
  endedAt: z.string(),
  timings: stageTimings.nullable(),
  usage: usage.nullable(),
  model: z.string().nullable(),
  /** True where the document has another text by now or is gone, as of when the cell is told; false as it settles. */
  stale: z.boolean(),
  /** True where a purge has blanked value and quotes. */
  purged: z.boolean().optional(),
});
export type SettledCell = z.infer<typeof settledCell>;
