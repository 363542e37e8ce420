import { MillraceError } from '../errors.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import { definePipeline } from './define-pipeline.ts';

/** Longer texts are no pipelines. */
const maxLength = 100_000;

/**
 * The pipeline that a YAML or JSON text holds (JSON is YAML).
 *
 * @param from the file, for the error
 * @throws MillraceError E_PIPELINE_INVALID, with the line where the text is not YAML
 */
export async function parsePipeline(text: string, from: string): Promise<Pipeline> {
  if (text.length > maxLength) throw invalid(from, `it is longer than ${maxLength} characters`);
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw invalid(from, (problem.message.split('\n')[0] ?? '').replace(/:$/u, ''));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw invalid(from, error instanceof Error ? error.message : String(error));
  }
  return definePipeline(value, `pipeline ${from}`);
}

function invalid(from: string, reason: string): MillraceError {
  return new MillraceError('E_PIPELINE_INVALID', `The pipeline ${from} cannot be read: ${reason.replace(/\.$/u, '')}.`);
}
