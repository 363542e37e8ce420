import koffi from 'koffi';
import { MillraceError } from '../../../errors.ts';

/** The version of llama.cpp whose header `include/llama.h` these layouts follow. */
export const pinnedVersion = '0.4.0';

/** Address of a native object; 0n is never stored. */
export type Pointer = bigint;

/** Members in the order of the header; pointers are addresses (bigint) or null, enums are int32. */
export const modelParametersLayout = {
  devices: 'void *',
  tensor_buft_overrides: 'void *',
  n_gpu_layers: 'int32_t',
  split_mode: 'int32_t',
  load_mode: 'int32_t',
  lazy_mode: 'int32_t',
  main_gpu: 'int32_t',
  tensor_split: 'void *',
  progress_callback: 'void *',
  progress_callback_user_data: 'void *',
  kv_overrides: 'void *',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
} as const;

export const contextParametersLayout = {
  n_ctx: 'uint32_t',
  n_batch: 'uint32_t',
  n_ubatch: 'uint32_t',
  n_seq_max: 'uint32_t',
  n_rs_seq: 'uint32_t',
  n_outputs_max: 'uint32_t',
  n_outputs_max_per_seq: 'uint32_t',
  n_threads: 'int32_t',
  n_threads_batch: 'int32_t',
  ctx_type: 'int32_t',
  rope_scaling_type: 'int32_t',
  pooling_type: 'int32_t',
  attention_type: 'int32_t',
  flash_attn_type: 'int32_t',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32_t',
  defrag_thold: 'float',
  cb_eval: 'void *',
  cb_eval_user_data: 'void *',
  type_k: 'int32_t',
  type_v: 'int32_t',
  abort_callback: 'void *',
  abort_callback_data: 'void *',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void *',
  n_samplers: 'size_t',
  ctx_other: 'void *',
} as const;

export const quantiseParametersLayout = {
  nthread: 'int32_t',
  ftype: 'int32_t',
  output_tensor_type: 'int32_t',
  token_embedding_type: 'int32_t',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  imatrix: 'void *',
  kv_overrides: 'void *',
  tt_overrides: 'void *',
  prune_layers: 'void *',
  max_buf_size: 'size_t',
} as const;

export const batchLayout = {
  n_tokens: 'int32_t',
  token: 'void *',
  embd: 'void *',
  pos: 'void *',
  n_seq_id: 'void *',
  seq_id: 'void *',
  logits: 'void *',
} as const;

export const tokenArrayLayout = { data: 'void *', size: 'size_t', selected: 'int64_t', sorted: 'bool' } as const;

export type StructValue = Record<string, number | bigint | boolean | null>;

/** What the pinned version returns from `llama_*_default_params()`. `null` pointers are left out; they are compared as null. */
const pinnedDefaults: Record<string, StructValue> = {
  llama_model_default_params: {
    n_gpu_layers: -1,
    split_mode: 1,
    load_mode: -1,
    lazy_mode: 1,
    main_gpu: 0,
    vocab_only: false,
    check_tensors: false,
    use_extra_bufts: true,
    no_host: false,
    no_alloc: false,
    load_mtp: false,
  },
  llama_context_default_params: {
    n_ctx: 512,
    n_batch: 2048,
    n_ubatch: 512,
    n_seq_max: 1,
    n_rs_seq: 0,
    n_outputs_max: 0,
    n_outputs_max_per_seq: 1,
    n_threads: 4,
    n_threads_batch: 4,
    ctx_type: 0,
    rope_scaling_type: -1,
    pooling_type: -1,
    attention_type: -1,
    flash_attn_type: -1,
    rope_freq_base: 0,
    rope_freq_scale: 0,
    yarn_ext_factor: -1,
    yarn_attn_factor: -1,
    yarn_beta_fast: -1,
    yarn_beta_slow: -1,
    yarn_orig_ctx: 0,
    defrag_thold: -1,
    type_k: 1,
    type_v: 1,
    embeddings: false,
    offload_kqv: true,
    no_perf: true,
    op_offload: true,
    swa_full: true,
    kv_unified: false,
    n_samplers: 0,
  },
  llama_model_quantize_default_params: {
    nthread: 0,
    ftype: 7,
    allow_requantize: false,
    quantize_output_tensor: true,
    only_copy: false,
    pure: false,
    keep_split: false,
    dry_run: false,
  },
};

/** Members whose default is a compile-time constant of no interest here. */
const uncompared = new Set(['output_tensor_type', 'token_embedding_type', 'max_buf_size']);

/** The names of members whose value differs from the pinned default; a pointer that is not pinned must be null. */
export function differingMembers(functionName: string, actual: StructValue): string[] {
  const pinned = pinnedDefaults[functionName] ?? {};
  return Object.keys(actual).filter((member) => !uncompared.has(member) && (actual[member] ?? null) !== (pinned[member] ?? null));
}

/**
 * Refuses a library whose structs are not the ones above: reading another layout would corrupt memory.
 * @throws MillraceError E_ENGINE_LIBRARY naming both versions and the members that differ.
 */
export function checkLayout(functionName: string, actual: StructValue, version: string): void {
  const members = differingMembers(functionName, actual);
  if (members.length === 0) return;
  throw new MillraceError(
    'E_ENGINE_LIBRARY',
    `The inference library is version ${version}, millrace needs ${pinnedVersion}: ${functionName}() differs in ${members.slice(0, 5).join(', ')}.`,
    { details: { found: version, expected: pinnedVersion, functionName, members } },
  );
}

/** The koffi types of one thread. koffi names are per thread and must not be defined twice, so the types are anonymous. */
export function createStructTypes() {
  return {
    modelParameters: koffi.struct({ ...modelParametersLayout }),
    contextParameters: koffi.struct({ ...contextParametersLayout }),
    quantiseParameters: koffi.struct({ ...quantiseParametersLayout }),
    batch: koffi.struct({ ...batchLayout }),
    tokenArray: koffi.struct({ ...tokenArrayLayout }),
    chainParameters: koffi.struct({ no_perf: 'bool' }),
  };
}
