import { MillraceError } from '../errors.ts';
import type { Tokenizer } from '../spec/engine.ts';
import { parseCost, type ParseInput, type PortionTaker, type ReadDocument } from '../spec/parser.ts';
import type { IngestRun } from './ingest-run.ts';
import { createLongDocument, type LongDocument } from './long-document.ts';
import type { LookedSource } from './look-at-source.ts';

export interface TakenDocument {
  readonly parsed: ReadDocument;
  /** Who has got its text, where that is long. */
  readonly long: LongDocument | undefined;
}

/** Parses a source; a long text goes to the record meanwhile, and what came of attempts that failed is given up. */
export async function parseTaking(
  run: IngestRun,
  tokenizer: Pick<Tokenizer, 'countTokens'>,
  looked: LookedSource,
  bytes: ParseInput['bytes'],
  signal: AbortSignal,
): Promise<TakenDocument> {
  const { store, chunker } = run.parts;
  const attempts: LongDocument[] = [];
  let isOver = false;
  function taker(): PortionTaker {
    // A parser that is being ended may still give what it has: nobody would give that up.
    if (isOver) throw new MillraceError('E_CANCELLED', `Parsing ${looked.name} is over.`);
    const attempt = createLongDocument(store, chunker, { tokenizer, model: run.embedder.model }, signal);
    attempts.push(attempt);
    run.staged.add(attempt);
    return attempt.taker;
  }
  let long: LongDocument | undefined;
  try {
    const parsed = await parse(run, looked, { bytes, taker }, signal);
    long = attempts.find((attempt) => attempt.taker === parsed.taken);
    return { parsed, long };
  } finally {
    isOver = true;
    for (const attempt of attempts) if (attempt !== long) forget(run, attempt);
  }
}

/**
 * What is on record, or never will be. Nobody waits for it: the record may be writing something else meanwhile. The end of the call does,
 * and tries again what failed.
 */
export function forget({ staged }: Pick<IngestRun, 'staged'>, long: LongDocument | undefined): void {
  void long?.forget().then(
    () => staged.delete(long),
    () => undefined,
  );
}

export async function parse(
  { parts: { scheduler } }: IngestRun,
  { name, contentType }: LookedSource,
  given: Pick<ParseInput, 'bytes' | 'taker' | 'membersFrom'>,
  signal: AbortSignal,
): Promise<ReadDocument> {
  const cost = parseCost(given.bytes.length);
  await scheduler.ready('parse', cost, signal);
  const input = { name, ...given, ...(contentType === undefined ? {} : { contentType }) };
  return scheduler.submit({ lane: 'parse', class: 'background', input, cost, signal, deliver: 'final' }).result();
}
