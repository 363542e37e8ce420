import { describe, expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import type { InstalledModel, Models } from '../spec/model.ts';
import { chosenGenerator, weightsOf } from './weights-asked.ts';

/** Names of models, each with its weights. */
function installed(weights: Readonly<Record<string, string>>): Pick<Models, 'resolve'> {
  return {
    async resolve(name, options) {
      const sha256 = weights[name];
      if (sha256 === undefined) throw new MillraceError('E_MODEL_NOT_INSTALLED', `${name} is not here.`);
      return Promise.resolve({ id: name, task: options?.task, sha256 } as InstalledModel);
    },
  };
}

describe('the weights that answers come from', () => {
  const named = { generator: './mine.gguf', embedder: 'minilm-l6' };

  it('are those behind the names, which may be others by now', async () => {
    const before = await weightsOf(installed({ './mine.gguf': 'a', 'minilm-l6': 'm' }), {}, named);
    expect(before).toEqual({ generator: 'a', embedder: 'm', reranker: null });
    expect(await weightsOf(installed({ './mine.gguf': 'b', 'minilm-l6': 'm' }), {}, named)).toEqual({ ...before, generator: 'b' });
    expect(await weightsOf(installed({ './mine.gguf': 'a', 'minilm-l6': 'n' }), {}, named)).toEqual({ ...before, embedder: 'n' });
  });

  it('are those that the pipeline takes', async () => {
    const models = installed({ './mine.gguf': 'a', other: 'o', 'minilm-l6': 'm', 'bge-reranker-v2-m3': 'r', own: 'c' });
    expect(await weightsOf(models, { generate: { model: 'other' }, rerank: { by: 'cross-encoder' } }, named)).toEqual({
      generator: 'o',
      embedder: 'm',
      reranker: 'r',
    });
    expect(await weightsOf(models, { rerank: { by: 'cross-encoder', model: 'own' } }, { ...named, embedder: undefined })).toEqual({
      generator: 'a',
      embedder: null,
      reranker: 'c',
    });
    const none = { generator: null, embedder: null, reranker: null };
    expect(await weightsOf(models, { generate: { by: 'quotes' } }, { ...named, embedder: undefined })).toEqual(none);
    expect(await weightsOf(models, {}, { generator: 'gone', embedder: 'gone', quotes: true })).toEqual(none);
    expect(await weightsOf(installed({}), {}, named)).toEqual(none);
  });

  it('are no reason to hide what is wrong with a name', async () => {
    const models: Pick<Models, 'resolve'> = { resolve: () => Promise.reject(new MillraceError('E_MODEL_UNSUITABLE', 'An embedder.')) };
    await expect(weightsOf(models, {}, named)).rejects.toMatchObject({ code: 'E_MODEL_UNSUITABLE' });
  });
});

describe('the generator where none is named', () => {
  const models = (recommended: string | undefined): Pick<Models, 'recommend' | 'list'> => ({
    recommend: () => Promise.resolve(recommended === undefined ? undefined : ({ id: recommended } as never)),
    list: () =>
      Promise.resolve([
        { id: 'minilm-l6', task: 'embedder', installed: true },
        { id: 'large', task: 'generator', installed: true },
      ] as never),
  });

  it('is the best that fits, else any that is installed', async () => {
    expect(await chosenGenerator(models('small'), 1)).toBe('small');
    expect(await chosenGenerator(models(undefined), 1)).toBe('large');
  });
});
