import { MillraceError } from '../../../errors.ts';
import type { Clock } from '../../../util/clock.ts';
import type { Batch } from './batch.ts';
import type { Pointer } from './layout.ts';
import type { LlamaLibrary } from './library.ts';
import type { GeneratorSettings } from './messages.ts';

/** Tokens of one native call. */
export const batchTokens = 512;
const warmUpTokens = 16;
/** A first step that took longer is not repeated. */
const slowStepMs = 120;
/** GGML_TYPE_F16 and GGML_TYPE_Q8_0. */
const kvTypes = { f16: 1, q8_0: 8 };

/**
 * @throws MillraceError E_MODEL_UNSUITABLE when the model has no decoder with a cache, E_ENGINE_FAILED when the context cannot be made
 */
export function openContext(
  library: LlamaLibrary,
  model: Pointer,
  settings: GeneratorSettings,
): { context: Pointer; memory: Pointer; kvTokens: number } {
  if (library.modelHasEncoder(model) || !library.modelHasDecoder(model) || library.modelIsDiffusion(model)) {
    throw new MillraceError('E_MODEL_UNSUITABLE', 'The model does not generate text token by token.');
  }
  const context = library.contextCreate(model, {
    ...library.contextDefaults(),
    n_ctx: settings.kvTokens,
    n_batch: batchTokens,
    n_ubatch: batchTokens,
    n_seq_max: settings.sequences,
    n_threads: settings.threads,
    n_threads_batch: settings.threads,
    type_k: kvTypes[settings.kvType],
    type_v: kvTypes[settings.kvType],
    kv_unified: settings.kvMode === 'unified',
  });
  if (context === null) {
    throw new MillraceError(
      'E_ENGINE_FAILED',
      `No context of ${settings.kvTokens} tokens could be made for the model; there may be too little memory.`,
    );
  }
  const memory = library.contextMemory(context);
  if (memory === null) {
    library.contextFree(context);
    throw new MillraceError('E_MODEL_UNSUITABLE', 'The model keeps no context and cannot generate text.');
  }
  return { context, memory, kvTokens: library.contextTokens(context) };
}

/** The first steps page in the weights and start threads; the last one tells the rate of this machine. Sequence 0 holds the tokens. */
export function warmUp(
  library: LlamaLibrary,
  context: Pointer,
  batch: Batch,
  clock: Clock,
): { readonly tokensPerMs: number; readonly tokens: number } {
  let tokensPerMs = 0;
  let tokens = 0;
  for (let round = 0; round < 2; round++) {
    batch.clear();
    for (let index = 0; index < warmUpTokens; index++) batch.add(index, round * warmUpTokens + index, 0, index === warmUpTokens - 1);
    const startedAt = clock.monotonic();
    if (library.decode(context, batch.value()) !== 0)
      throw new MillraceError('E_ENGINE_FAILED', 'The inference library refused the first step of the model.');
    library.synchronise(context);
    tokens += warmUpTokens;
    const elapsedMs = clock.monotonic() - startedAt;
    tokensPerMs = warmUpTokens / Math.max(elapsedMs, 0.01);
    if (elapsedMs > slowStepMs) break;
  }
  return { tokensPerMs, tokens };
}
