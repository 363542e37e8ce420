import { MillraceError } from '../../errors.ts';
import type { Citation, StageTimings, Usage } from '../../spec/answers.ts';
import type { Generator } from '../../spec/engine.ts';
import type { StoredPage } from '../../spec/store.ts';
import type { CellValue, TableColumn, TableRow } from '../../spec/tables.ts';
import type { Deadline } from '../../spec/time.ts';
import type { AdmissionRequest, Permit } from '../../spec/work.ts';
import { fitContext } from '../context.ts';
import { generateAnswer } from '../generate.ts';
import type { QueryParts } from '../parts.ts';
import { queryDefaults, type RetrieveSection } from '../resolve-pipeline.ts';
import { retrieve } from '../retrieve.ts';
import { type TokenTimeouts, withinTimeouts } from '../token-watch.ts';
import { promptCosts, searchCosts, tokensOf, withPermit } from '../with-permit.ts';
import type { LongDocument, RowReader, WholeDocument } from './row-reader.ts';
import { type ReadSentence, sentencesIn, supportOf } from './support.ts';
import { cellPrompt } from './table-prompt.ts';
import { cutAnswer, type ValueReader } from './value-type.ts';

/** What is stored of a cell besides what its item says. */
export interface StoredCell {
  readonly value: CellValue | null;
  readonly empty: boolean;
  readonly text: string;
  readonly citations: readonly Citation[];
  readonly support: number | null;
  readonly meanLogProbability: number | null;
  readonly read: 'whole' | 'passages';
  readonly timings: StageTimings;
  readonly usage: Usage;
  readonly model: string;
}

/** A table made ready: everything that is the same for all of its cells. */
export interface CellSettings {
  readonly generator: Generator;
  readonly rows: RowReader;
  readonly collection: string;
  readonly mode: RetrieveSection['mode'];
  readonly contextTokens: number;
  readonly maxTokens: number | undefined;
  readonly temperature: number;
  readonly seed: number;
  readonly timeouts: TokenTimeouts | undefined;
}

export interface CellCall {
  readonly signal: AbortSignal;
  readonly deadline?: Deadline;
  readonly permit?: Permit;
  /** Told of each piece of the value, where they count. */
  readonly onToken?: (() => void) | undefined;
}

interface ReadCell {
  readonly row: TableRow;
  readonly column: TableColumn;
  readonly reader: ValueReader;
  readonly document: LongDocument | WholeDocument;
  /** Monotonic ms. */
  readonly started: number;
}

/** What the model reads for one cell, and where its sentences stand. */
interface Reading {
  readonly passages: readonly string[];
  readonly sentences: readonly ReadSentence[];
  readonly textOf: (sentence: ReadSentence) => string;
  readonly timings: Partial<StageTimings>;
}

/** One cell inside its limits. */
export function answerCell(
  parts: QueryParts,
  settings: CellSettings,
  cell: { readonly row: TableRow; readonly column: TableColumn; readonly reader: ValueReader },
  call: CellCall,
): Promise<StoredCell> {
  return withinTimeouts(parts.clock, settings.timeouts, call, (bounds, watch) =>
    makeCell(parts, settings, cell, { ...bounds, onToken: watch?.passed }),
  );
}

/** Read the document → wait for room → generate inside the grammar of its type → read the value → find it in the record's text. */
async function makeCell(
  parts: QueryParts,
  settings: CellSettings,
  cell: { readonly row: TableRow; readonly column: TableColumn; readonly reader: ValueReader },
  call: CellCall,
): Promise<StoredCell> {
  const started = parts.clock.monotonic();
  const document = await settings.rows.read(cell.row);
  call.signal.throwIfAborted();
  const costs = cellCosts(settings, { ...cell, document });
  return withPermit(parts.scheduler, { class: 'batch', ...call, costs }, (permit) =>
    fillCell(parts, settings, { ...cell, document, started }, { ...call, permit }),
  );
}

/** What a cell wants of the engines, about. */
function cellCosts(
  { generator, contextTokens, maxTokens, mode }: CellSettings,
  { document, column, reader }: Pick<ReadCell, 'document' | 'column' | 'reader'>,
): AdmissionRequest['costs'] {
  const isWhole = document.type === 'whole';
  const promptTokens = tokensOf(column.question) + (isWhole ? tokensOf(document.passage) : contextTokens);
  const costs = promptCosts(generator.lane ?? 'generate', promptTokens, maxTokens ?? reader.maxTokens);
  return isWhole ? costs : { ...searchCosts(column.question, { mode }), ...costs };
}

async function fillCell(parts: QueryParts, settings: CellSettings, cell: ReadCell, call: CellCall): Promise<StoredCell> {
  const { clock } = parts;
  const { generator } = settings;
  const { row, column, reader, document, started } = cell;
  const reading = document.type === 'whole' ? readWhole(document) : await readPassages(parts, settings, document, column.question, call);
  if (reading.passages.length === 0) {
    return { ...empty(''), meanLogProbability: null, read: document.type, timings: timed(reading.timings), usage: noUsage, model: 'none' };
  }
  const generated = await generateAnswer(
    parts.scheduler,
    generator,
    {
      prompt: cellPrompt(column.question, reader.form, {
        passages: reading.passages,
        ...(document.type === 'whole' ? { wholeDocument: document.document } : {}),
      }),
      maxTokens: settings.maxTokens ?? reader.maxTokens,
      temperature: settings.temperature,
      seed: settings.seed,
      likelihood: true,
      class: 'batch',
      ...call,
      ...(reader.grammar === undefined ? {} : { grammar: reader.grammar }),
    },
    clock.monotonic,
  );
  const { text, stopReason, usage, meanLogProbability = null } = generated.final;
  // The beginning of a value is another value; free text says as much as it says.
  if (stopReason === 'length' && reader.grammar !== undefined) throw cutAnswer(text);
  const value = reader.read(text, reading.passages);
  const told = {
    meanLogProbability,
    read: document.type,
    usage: { promptTokens: usage.promptTokens, cachedTokens: usage.cachedTokens, outputTokens: usage.outputTokens },
    model: generator.model.id,
  };
  const citing = clock.monotonic();
  const found = value === null ? empty(text) : located(value, text, column, document, row, reading);
  const timings = timed({
    ...reading.timings,
    queuedMs: generated.timings.queuedMs,
    prefillMs: usage.prefillMs,
    decodeMs: usage.decodeMs,
    citeMs: clock.monotonic() - citing,
  });
  return { ...found, ...told, timings };

  function timed(stages: Partial<StageTimings>): StageTimings {
    return { ...stages, totalMs: clock.monotonic() - started };
  }
}

const noUsage: Usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };

function empty(text: string) {
  return { value: null, empty: true, text, citations: [], support: null };
}

function readWhole({ passage, sentences, text }: WholeDocument): Reading {
  return { passages: [passage], sentences, textOf: ({ start, end }) => text.slice(start, end), timings: {} };
}

async function readPassages(
  parts: QueryParts,
  settings: CellSettings,
  { document }: LongDocument,
  question: string,
  call: CellCall,
): Promise<Reading> {
  const section: RetrieveSection = {
    collection: settings.collection,
    mode: settings.mode,
    limit: queryDefaults.askLimit,
    filter: undefined,
    weights: { text: 1, vector: 1 },
    depth: queryDefaults.depth,
    feedback: false,
    perDocument: undefined,
    neighbours: 0,
  };
  const { hits, timings } = await retrieve(parts, section, { query: question, documents: [document], class: 'batch', ...call });
  const context = await fitContext(
    { question, language: undefined },
    hits,
    settings.contextTokens,
    settings.generator.tokenizer,
    call.signal,
  );
  return {
    passages: context.passages,
    sentences: sentencesIn(context.hits),
    textOf({ start, end }) {
      const hit = context.hits.find((one) => start >= one.start && end <= one.end);
      if (hit === undefined) throw new MillraceError('E_INTERNAL', 'A cited sentence stands in none of the passages that were read.');
      return hit.text.slice(start - hit.start, end - hit.start);
    },
    timings,
  };
}

/** The value with the sentences of the record in which it stands. */
function located(
  value: CellValue,
  text: string,
  column: TableColumn,
  document: LongDocument | WholeDocument,
  row: TableRow,
  reading: Reading,
) {
  const { share, sentences } = supportOf(value, column.type ?? 'text', column.question, reading.sentences);
  const citations = sentences.map((sentence, index): Citation => {
    const page = pageOf(document.pages, sentence.start);
    return {
      number: index + 1,
      document: document.document,
      source: row.uri,
      title: row.title,
      page: page?.number ?? 1,
      pageLabel: page?.label ?? null,
      pageKind: page?.kind ?? null,
      start: sentence.start,
      end: sentence.end,
      quote: reading.textOf(sentence),
    };
  });
  return { value, empty: false, text, citations, support: share };
}

function pageOf(pages: readonly StoredPage[], position: number): StoredPage | undefined {
  return pages.findLast(({ start }) => start <= position);
}
