import { LRUCache } from 'lru-cache';
import { MillraceError } from '../../errors.ts';
import type { Generator } from '../../spec/engine.ts';
import type { DocumentId } from '../../spec/identifiers.ts';
import type { StoredPage, StoreReader } from '../../spec/store.ts';
import type { TableRow } from '../../spec/tables.ts';
import { renderPassage } from '../prompt.ts';
import { type ReadSentence, sentencesIn } from './support.ts';

/** A row whose document fits: read once for all of its cells. */
export interface WholeDocument {
  readonly type: 'whole';
  readonly document: DocumentId;
  readonly title: string | null;
  readonly text: string;
  /** As it stands in the prompt. */
  readonly passage: string;
  readonly sentences: readonly ReadSentence[];
  readonly pages: readonly StoredPage[];
}

/** A row whose document is too long: each cell reads the passages it needs. */
export interface LongDocument {
  readonly type: 'passages';
  readonly document: DocumentId;
  readonly title: string | null;
  readonly pages: readonly StoredPage[];
}

export interface RowReader {
  /** @throws MillraceError the row's own error, E_SOURCE_CHANGED where its document is gone */
  read(row: TableRow): Promise<WholeDocument | LongDocument>;
}

/** Rows that are kept: those whose cells are in work. */
const keptRows = 8;
/** No tokenizer makes fewer tokens than this of a text: a longer one need not be counted. */
const mostLengthPerToken = 12;

/** The documents of a table's rows. What is kept was read from the record, its hash checked. */
export function createRowReader(store: StoreReader, generator: Pick<Generator, 'tokenizer'>, documentTokens: number): RowReader {
  const kept = new LRUCache<string, Promise<WholeDocument | LongDocument>>({ max: keptRows });

  async function load(id: DocumentId, title: string | null): Promise<WholeDocument | LongDocument> {
    const record = await store.readDocument(id);
    if (record === undefined) throw gone(id);
    const pages = await store.readPages(id);
    const long: LongDocument = { type: 'passages', document: id, title, pages };
    if (record.textLength > documentTokens * mostLengthPerToken) return long;
    const text = await store.readSpan(id, 0, record.textLength);
    const passage = renderPassage(1, { title, headingPath: [], tableHeader: null }, text);
    const [tokens = 0] = await generator.tokenizer.countTokens([passage]);
    if (tokens > documentTokens) return long;
    return { ...long, type: 'whole', text, passage, sentences: sentencesIn([{ text, start: 0 }]) };
  }

  return {
    async read(row) {
      if (row.document === null) throw MillraceError.fromJSON(row.error as Parameters<typeof MillraceError.fromJSON>[0]);
      const id = row.document as DocumentId;
      const key = `${id} ${row.title ?? ''}`;
      let reading = kept.get(key);
      if (reading === undefined) {
        reading = load(id, row.title);
        kept.set(key, reading);
        // A failed reading is the failure of those who wait for it, not of later ones.
        reading.catch(() => kept.delete(key));
      }
      return reading;
    },
  };
}

function gone(id: string): MillraceError {
  return new MillraceError('E_SOURCE_CHANGED', `The document ${id} was replaced or removed after the table was begun.`, {
    remedy: 'Run "millrace runs retry <id> --failed" to read what is there now.',
  });
}

/**
 * Longest document that is read whole, in tokens: what one answer can hold, and no more than reading passages for each question would
 * cost, since its tokens are computed once for all of them. Pure.
 */
export function documentBudget(options: {
  readonly asked: number | undefined;
  readonly questions: number;
  readonly contextTokens: number;
  /** Tokens of one answer, without rules, question and answer. */
  readonly roomTokens: number;
}): number {
  const worth = options.asked ?? Math.max(1, options.questions) * options.contextTokens;
  return Math.max(0, Math.min(worth, options.roomTokens));
}
