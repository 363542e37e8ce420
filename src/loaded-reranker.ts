import { MillraceError } from './errors.ts';
import { rerankLane } from './lanes.ts';
import type { LocalDevice, Reranker } from './spec/engine.ts';
import { defaultReranker, type Models } from './spec/model.ts';
import type { Scheduler } from './spec/work.ts';

export interface LoadedRerankerParts {
  readonly device: Pick<LocalDevice, 'loadReranker'>;
  readonly models: Pick<Models, 'resolve'>;
  readonly scheduler: Pick<Scheduler, 'addLane'>;
}

/** Query and passage together: what the usual cross-encoders were trained with. */
const maxInputTokens = 512;

/**
 * One cross-encoder for each open directory, loaded when it is first needed: it has the lane `rerank` to itself. Another one is refused with
 * `E_INPUT_INVALID`; a failed load is tried again by the next question.
 */
export function createLoadedReranker({ device, models, scheduler }: LoadedRerankerParts): (name?: string) => Promise<Reranker> {
  let loading: { readonly name: string; readonly reranker: Promise<Reranker> } | undefined;

  async function load(name: string): Promise<Reranker> {
    const { id, title, path, sha256 } = await models.resolve(name, { task: 'reranker' });
    const reranker = await device.loadReranker({ id, title, path, sha256, maxInputTokens });
    scheduler.addLane(rerankLane(reranker));
    return reranker;
  }

  return async (name = loading?.name ?? defaultReranker) => {
    if (loading !== undefined && loading.name !== name) {
      throw new MillraceError(
        'E_INPUT_INVALID',
        `The reranker ${name} was asked for, but this open directory already works with ${loading.name}.`,
        {
          remedy: 'Name the same reranker in all pipelines, or open the directory a second time.',
        },
      );
    }
    loading ??= {
      name,
      reranker: load(name).catch((error: unknown) => {
        loading = undefined;
        throw error;
      }),
    };
    return loading.reranker;
  };
}
