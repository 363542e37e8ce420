import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { MillraceError } from '../errors.ts';
import { definePipeline, type Pipeline } from '../index.ts';

/**
 * The pipeline of a YAML or JSON file.
 * @throws MillraceError E_SOURCE_MISSING, E_PIPELINE_INVALID
 */
export async function readPipelineFile(path: string, workingDirectory: string): Promise<Pipeline> {
  let value: unknown;
  try {
    value = parse(await readFile(resolve(workingDirectory, path), 'utf8'), { maxAliasCount: 100 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new MillraceError('E_SOURCE_MISSING', `The file ${path} does not exist.`);
    const [problem = ''] = (error as Error).message.split('\n');
    throw new MillraceError('E_PIPELINE_INVALID', `The file ${path} cannot be read as a pipeline: ${problem.replace(/[.:]$/u, '')}.`, {
      cause: error,
    });
  }
  return definePipeline(value, path);
}
