import type { SettledQuestion } from '../spec/runs.ts';
import { csvLine } from './csv.ts';
import { describePlace } from './describe-place.ts';
import { createLineFile, formatOf, type LineFile, type LineFormat } from './output-file.ts';
import { sinceThen } from './show-run.ts';

/**
 * The file of a run's answers: a projection of its record, under another name until it is whole.
 * @throws MillraceError E_OUTPUT_EXISTS without `force`, E_INPUT_INVALID for another kind of file
 */
export async function createAnswerFile(path: string, options: { readonly force: boolean }): Promise<LineFile<SettledQuestion>> {
  return createLineFile(path, formatOf(path, formats, 'Answers'), options);
}

const columns = [
  'index',
  'id',
  'question',
  'status',
  'answer',
  'abstained',
  'citations',
  'error',
  'attempts',
  'startedAt',
  'endedAt',
  'totalMs',
  'pipeline',
  'stale',
] as const;

const formats: Readonly<Record<string, LineFormat<SettledQuestion>>> = {
  '.jsonl': { head: '', line: (item) => `${JSON.stringify(item)}\n` },
  '.csv': { head: csvLine(columns), line: (item) => csvLine(columns.map((name) => valueOf(item, name))) },
};

function valueOf(item: SettledQuestion, column: (typeof columns)[number]): string {
  if (column === 'citations')
    return item.citations.map((citation) => `${describePlace(citation)}: "${citation.quote}"${sinceThen(citation)}`).join('\n');
  if (column === 'error') return item.error === null ? '' : `${item.error.code}: ${item.error.message}`;
  if (column === 'totalMs') return item.timings === null ? '' : item.timings.totalMs.toFixed(0);
  if (column === 'pipeline') return item.pipeline?.name ?? '';
  return String(item[column] ?? '');
}
