import { MillraceError } from '../../errors.ts';
import { grammarOfSchema } from '../../formats/grammar/grammar-of-schema.ts';
import type { CellValue, TableColumn, ValueTypeName } from '../../spec/tables.ts';
import { refusal } from '../refusals.ts';
import { isRefusal } from '../cite.ts';
import { readMarkers } from '../markers.ts';
import { dateOf } from './date-of.ts';

/** How the values of one column are asked for, constrained and read. */
export interface ValueReader {
  /** Says the form of the answer, in the prompt before the question. */
  readonly form: string;
  /** What the model may write; free text without. */
  readonly grammar?: string;
  readonly maxTokens: number;
  /**
   * The value in what the model wrote over these passages; null where the document does not hold it.
   * @throws MillraceError E_ANSWER_INVALID
   */
  read(text: string, passages: readonly string[]): CellValue | null;
}

const shortTokens = 64;
const longTokens = 256;
const refused = `"${refusal}"`;
const listSchema = { type: 'array', items: { type: 'string', minLength: 1, maxLength: 200 }, maxItems: 50 };
const plainNumber = '"-"? ([0-9]{1,3} ("," [0-9]{3}){1,5} | [0-9]{1,15}) ("." [0-9]{1,10})?';

/** @throws MillraceError E_SCHEMA_UNSUPPORTED, E_INPUT_INVALID for a type `json` without a schema */
export function valueReader(column: TableColumn): ValueReader {
  const readers: Readonly<Record<ValueTypeName, () => ValueReader>> = {
    text: () => ({ form: '', maxTokens: shortTokens, read: (text, passages) => (isRefusal(text) ? null : plain(text, passages)) }),
    'yes/no': () => ({
      form: 'Answer with yes or no.',
      grammar: `root ::= "yes" | "no" | ${refused}\n`,
      maxTokens: 16,
      read: (text) => (isRefusal(text) ? null : requireYesOrNo(text)),
    }),
    number: () => numberReader(column.unit),
    date: () => ({
      form: 'Answer with a date in the form YYYY-MM-DD; write YYYY-MM or YYYY when no more is stated.',
      grammar: `root ::= [0-9]{4} ("-" [01] [0-9] ("-" [0-3] [0-9])?)? | ${refused}\n`,
      maxTokens: 16,
      read: (text) => (isRefusal(text) ? null : requireDate(text)),
    }),
    list: () => ({
      form: 'Answer with a JSON array of short texts; [] when the passages state none.',
      grammar: grammarOfSchema(listSchema),
      maxTokens: longTokens,
      read(text) {
        const items = [...new Set((parseJson(text) as string[]).map((item) => item.trim()).filter((item) => item !== ''))];
        return items.length === 0 ? null : items;
      },
    }),
    json: () => ({
      form: `Answer with JSON of this schema, or null when the passages do not state it: ${JSON.stringify(column.schema)}`,
      grammar: grammarOfSchema({ anyOf: [requireSchema(column), { type: 'null' }] }),
      maxTokens: longTokens,
      read: (text) => parseJson(text) as CellValue | null,
    }),
  };
  return readers[column.type ?? 'text']();
}

function numberReader(unit: string | undefined): ValueReader {
  if (unit !== undefined) {
    return {
      form: `Answer with the number alone, in ${unit}.`,
      grammar: `root ::= ${plainNumber} | ${refused}\n`,
      maxTokens: 24,
      read: (text) => (isRefusal(text) ? null : { number: numberOf(text), unit }),
    };
  }
  return {
    form: 'Answer with the number and its unit alone.',
    grammar: `root ::= [$€£¥]? ${plainNumber} (" "? [^0-9\\n".,;:() ] [^0-9\\n".,;:]{0,23})? | ${refused}\n`,
    maxTokens: 32,
    read(text) {
      if (isRefusal(text)) return null;
      const [, before = '', digits = '', after = ''] = /^([$€£¥]?)\s*(-?[\d,]+(?:\.\d+)?)(.*)$/su.exec(text.trimStart()) ?? [];
      const found = before === '' ? after.replace(/(?<![\s.,;:])[\s.,;:]+$/u, '').trim() : before;
      return { number: numberOf(digits), unit: found === '' ? null : found };
    },
  };
}

function numberOf(text: string): number {
  const value = Number(text.replaceAll(',', '').trim());
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw invalid(text, 'is no number');
}

function requireYesOrNo(text: string): boolean {
  const word = text.trim();
  if (word === 'yes' || word === 'no') return word === 'yes';
  throw invalid(text, 'is neither yes nor no');
}

function requireDate(text: string): string {
  const date = dateOf(text.trim());
  if (date !== undefined) return date;
  throw invalid(text, 'is no day of the calendar');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw cutAnswer(text);
  }
}

function requireSchema(column: TableColumn): unknown {
  if (column.schema !== undefined) return column.schema;
  throw new MillraceError('E_INPUT_INVALID', `The question "${column.question.slice(0, 100)}" is of type "json" and has no schema.`);
}

/** Without the marker of a passage that a model may have written, and in one line; numbers in brackets of the document stay. */
function plain(text: string, passages: readonly string[]): string {
  return readMarkers(text, passages).plain.replaceAll(/\s+/gu, ' ').trim();
}

export function cutAnswer(text: string): MillraceError {
  return invalid(text, 'was cut before its end; allow more tokens (--max-tokens)');
}

function invalid(text: string, what: string): MillraceError {
  return new MillraceError('E_ANSWER_INVALID', `The model answered "${text.trim().slice(0, 200)}", which ${what}.`);
}
