import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WeightOperations } from '../spec/model.ts';
import type { CatalogueSource } from './catalogue-entry.ts';
import { convertBert } from './convert-bert.ts';
import { type FetchContext, type FetchedFile, type FetchSteps, SourceError } from './fetch-step.ts';
import { hashFile } from './hash-file.ts';

export interface MakeOptions {
  readonly source: CatalogueSource;
  readonly files: readonly FetchedFile[];
  readonly pooling: 'mean' | 'cls' | 'last' | undefined;
  readonly operations: WeightOperations | undefined;
}

/** Makes the file that will be installed, in `context.folder`, and compares it with the catalogue. @throws SourceError */
export async function* makeProduct(
  options: MakeOptions,
  context: FetchContext,
): FetchSteps<{ readonly path: string; readonly sha256: string }> {
  const { making, product } = options.source;
  const [first] = options.files;
  if (first === undefined) throw new SourceError('Nothing was fetched.');
  if (making.kind === 'as-fetched') return { path: first.path, sha256: first.sha256 };
  const path = join(context.folder, 'product.gguf');
  await rm(path, { force: true });
  let sha256: string;
  if (making.kind === 'requantise') {
    yield { type: 'model-convert', model: context.model, step: `Rewriting the weights as ${making.type}` };
    if (options.operations === undefined)
      throw new SourceError(`The weights have to be rewritten as ${making.type}, which is not possible here.`);
    await options.operations.quantise({
      inputPath: first.path,
      outputPath: path,
      type: making.type,
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    });
    sha256 = await hashFile(path, context.signal);
  } else {
    yield { type: 'model-convert', model: context.model, step: `Converting to GGUF, ${making.type}` };
    if (options.pooling !== 'mean' && options.pooling !== 'cls') throw new SourceError('The pooling of this encoder cannot be written.');
    const made = await convertBert({
      folder: context.folder,
      outputPath: path,
      weightType: making.type,
      pooling: options.pooling,
      name: making.name,
      signal: context.signal,
    });
    sha256 = made.sha256;
  }
  if (product.sha256 !== null && sha256 !== product.sha256) {
    throw new SourceError(`The ${making.type} file that was made has the sha256 ${sha256} instead of ${product.sha256}.`);
  }
  return { path, sha256 };
}
