import { open } from 'node:fs/promises';
import { MillraceError } from '../errors.ts';
import { GgufError, readGgufHeader, type GgufHeader } from '../formats/gguf/read-header.ts';
import type { EmbedderRules, ModelTask } from '../spec/model.ts';

/** What a GGUF file says about itself. */
export interface ModelFacts {
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly task: ModelTask;
  readonly title: string;
  readonly licence: string;
  readonly contextTokens: number;
  readonly embedder: EmbedderRules | undefined;
}

const poolingNames = new Map<number, EmbedderRules['pooling']>([
  [1, 'mean'],
  [2, 'cls'],
  [3, 'last'],
]);
const rankPooling = 4;

/**
 * Reads the header of a GGUF file and derives what it is for. Loads no weights; takes milliseconds also for hostile files.
 *
 * @throws MillraceError E_MODEL_INVALID (no GGUF, cut short, impossible, or one of several files), E_MODEL_NOT_INSTALLED (no such file)
 */
export async function inspectModel(path: string): Promise<ModelFacts> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new MillraceError('E_MODEL_NOT_INSTALLED', `There is no file ${path}.`, { cause, remedy: 'Correct the path of the model.' });
    }
    throw invalid(path, `it cannot be opened (${code})`, cause);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw invalid(path, 'it is not a regular file');
    const header = await readGgufHeader({
      size: stats.size,
      async read(offset, length) {
        const buffer = Buffer.allocUnsafe(length);
        const { bytesRead } = await file.read(buffer, 0, length, offset);
        return buffer.subarray(0, bytesRead);
      },
    });
    return { bytes: stats.size, modifiedMs: stats.mtimeMs, ...describe(path, header) };
  } catch (cause) {
    if (cause instanceof GgufError) throw invalid(path, cause.message, cause);
    throw cause;
  } finally {
    await file.close();
  }
}

function describe(path: string, header: GgufHeader): Omit<ModelFacts, 'bytes' | 'modifiedMs'> {
  const text = (key: string): string | undefined => {
    const value = header.metadata.get(key);
    return typeof value === 'string' ? value : undefined;
  };
  const number = (key: string): number | undefined => {
    const value = header.metadata.get(key);
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const architecture = text('general.architecture');
  if (architecture === undefined) throw new GgufError('it does not name its architecture');
  if ((number('split.count') ?? 1) > 1)
    throw new GgufError('it is one of several files of a split model; join them first (llama-gguf-split --merge)');
  const contextTokens = number(`${architecture}.context_length`);
  if (contextTokens === undefined || header.tensors.length === 0)
    throw new GgufError('it holds no language model (no context length or no weights)');
  const poolingId = number(`${architecture}.pooling_type`);
  const pooling = poolingNames.get(poolingId ?? 0);
  const dimensions = number(`${architecture}.embedding_length`);
  const embedder: EmbedderRules | undefined =
    pooling === undefined || dimensions === undefined
      ? undefined
      : { dimensions, pooling, queryPrefix: '', passagePrefix: '', maxInputTokens: contextTokens, languages: ['*'] };
  return {
    task: poolingId === rankPooling ? 'reranker' : embedder === undefined ? 'generator' : 'embedder',
    title: (text('general.name') ?? path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)).slice(0, 200),
    licence: (text('general.license') ?? 'unknown').slice(0, 100),
    contextTokens,
    embedder,
  };
}

function invalid(path: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('E_MODEL_INVALID', `The file ${path} cannot be used as a model: ${reason}.`, { cause });
}
