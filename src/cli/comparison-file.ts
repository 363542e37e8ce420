import type { ComparedQuestion } from '../index.ts';
import { csvLine } from './csv.ts';
import { createLineFile, formatOf, type LineFile, type LineFormat } from './output-file.ts';

/**
 * A file with the answers of several pipelines side by side.
 * @throws MillraceError E_OUTPUT_EXISTS without `force`, E_INPUT_INVALID for another kind of file
 */
export async function createComparisonFile(
  path: string,
  names: readonly string[],
  options: { readonly force: boolean },
): Promise<LineFile<ComparedQuestion>> {
  const columns = names.flatMap((name) => [name, `${name} status`, `${name} ms`]);
  const formats: Readonly<Record<string, LineFormat<ComparedQuestion>>> = {
    '.jsonl': { head: '', line: (row) => `${JSON.stringify(row)}\n` },
    '.csv': { head: csvLine(['index', 'id', 'question', 'agree', ...columns]), line: (row) => csvLine(cellsOf(row, names)) },
  };
  return createLineFile(path, formatOf(path, formats, 'A comparison'), options);
}

function cellsOf({ index, id, question, agree, answers }: ComparedQuestion, names: readonly string[]): readonly string[] {
  const cells = names.flatMap((name) => {
    const item = answers[name];
    if (item === undefined || item === null) return ['', '', ''];
    const text = item.status === 'done' ? (item.answer ?? '') : `${item.error?.code ?? ''}: ${item.error?.message ?? ''}`;
    return [text, item.status, item.timings === null ? '' : item.timings.totalMs.toFixed(0)];
  });
  return [String(index), id ?? '', question, agree === null ? '' : String(agree), ...cells];
}
