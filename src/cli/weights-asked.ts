import { MillraceError } from '../errors.ts';
import type { Pipeline } from '../index.ts';
import { defaultReranker, type Models, type ModelTask } from '../spec/model.ts';

/** sha256 of the weights of each role; null where the role is not taken, or nothing is installed for it. */
export type Weights = Readonly<Record<ModelTask, string | null>>;

interface Named {
  /** Of the open directory. */
  readonly generator: string | undefined;
  /** Of the collection; undefined also where nothing is searched by meaning. */
  readonly embedder: string | undefined;
  readonly quotes?: boolean | undefined;
}

/**
 * The weights that answers of a pipeline come from, looked up and not loaded. A file of the user is hashed when it changed.
 * @throws MillraceError as `Models.resolve`, E_MODEL_NOT_INSTALLED apart
 */
export async function weightsOf(
  models: Pick<Models, 'resolve'>,
  { rerank, generate }: Pipeline,
  { generator, embedder, quotes = generate?.by === 'quotes' }: Named,
): Promise<Weights> {
  const sha256 = async (task: ModelTask, name: string | undefined): Promise<string | null> => {
    if (name === undefined) return null;
    try {
      return (await models.resolve(name, { task })).sha256;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'E_MODEL_NOT_INSTALLED') return null;
      throw error;
    }
  };
  return {
    generator: await sha256('generator', quotes ? undefined : (generate?.model ?? generator)),
    embedder: await sha256('embedder', embedder),
    reranker: await sha256('reranker', rerank?.by === 'cross-encoder' ? (rerank.model ?? defaultReranker) : undefined),
  };
}

/** The generator that a directory without one of its own would load; undefined where none is installed. */
export async function chosenGenerator(models: Pick<Models, 'recommend' | 'list'>, memoryBytes: number): Promise<string | undefined> {
  const choice = await models.recommend({ task: 'generator', memoryBytes, allowDownload: false });
  return choice?.id ?? (await models.list()).find(({ task, installed }) => task === 'generator' && installed)?.id;
}
