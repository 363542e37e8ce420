import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import { parsePipeline } from '../formats/parse-pipeline.ts';
import type { Pipeline } from '../spec/pipeline.ts';

/**
 * The pipeline of a YAML or JSON file.
 * @throws MillraceError E_SOURCE_MISSING, E_SOURCE_UNREADABLE, E_PIPELINE_INVALID
 */
export async function readPipelineFile(path: string, workingDirectory: string): Promise<Pipeline> {
  let text: string;
  try {
    text = await readFile(resolve(workingDirectory, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new MillraceError('E_SOURCE_MISSING', `The file ${path} does not exist.`);
    throw toMillraceError(error, 'E_SOURCE_UNREADABLE', `The file ${path} cannot be read`);
  }
  return parsePipeline(text.replace(/^\uFEFF/u, ''), path);
}
