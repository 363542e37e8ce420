import { readdirSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi, { type TypeObject } from 'koffi';
import { MillraceError } from '../../../errors.ts';
import { createThreadPools } from './thread-pool.ts';
import { checkLayout, createStructTypes, pinnedVersion, type Pointer, type StructValue } from './layout.ts';

type MaybePointer = bigint | null;

/** The functions of libllama that the engine calls, with the argument order of `include/llama.h`. All calls are synchronous. */
export interface LlamaLibrary {
  readonly version: string;
  backendInit(): void;
  modelDefaults(): StructValue;
  contextDefaults(): StructValue;
  modelLoad(path: string, parameters: StructValue): MaybePointer;
  modelFree(model: Pointer): void;
  modelVocab(model: Pointer): Pointer;
  modelTrainingContext(model: Pointer): number;
  modelEmbeddingWidth(model: Pointer): number;
  modelLayers(model: Pointer): number;
  modelHeads(model: Pointer): number;
  modelKvHeads(model: Pointer): number;
  modelHasEncoder(model: Pointer): boolean;
  modelHasDecoder(model: Pointer): boolean;
  modelIsRecurrent(model: Pointer): boolean;
  modelIsHybrid(model: Pointer): boolean;
  modelIsDiffusion(model: Pointer): boolean;
  /** Tokens of a sliding attention window; 0 where every token attends over all before it. */
  modelWindow(model: Pointer): number;
  modelChatTemplate(model: Pointer, name: string | null): string | null;
  modelMetadata(model: Pointer, key: string, buffer: Uint8Array, bytes: number): number;
  contextCreate(model: Pointer, parameters: StructValue): MaybePointer;
  contextFree(context: Pointer): void;
  contextTokens(context: Pointer): number;
  contextMemory(context: Pointer): MaybePointer;
  /** Lets a context compute on threads that outlive a step. */
  attachThreads(context: Pointer, threads: number): void;
  setThreads(context: Pointer, decodeThreads: number, promptThreads: number): void;
  decode(context: Pointer, batch: StructValue): number;
  encode(context: Pointer, batch: StructValue): number;
  synchronise(context: Pointer): void;
  logits(context: Pointer, index: number): MaybePointer;
  sequenceEmbedding(context: Pointer, sequence: number): MaybePointer;
  memoryClear(memory: Pointer, data: boolean): void;
  memoryRemove(memory: Pointer, sequence: number, start: number, end: number): boolean;
  memoryCopy(memory: Pointer, from: number, to: number, start: number, end: number): void;
  /** Bytes of the cells of a sequence in their frame; what `stateGet` writes and `stateSet` reads. Both return bytes, 0 on failure. */
  stateSize(context: Pointer, sequence: number): number | bigint;
  stateGet(context: Pointer, to: Pointer, bytes: number, sequence: number): number | bigint;
  stateSet(context: Pointer, from: Pointer, bytes: number, sequence: number): number | bigint;
  vocabularyTokens(vocab: Pointer): number;
  vocabularyIsEnd(vocab: Pointer, token: number): boolean;
  vocabularyBeginToken(vocab: Pointer): number;
  vocabularyEndToken(vocab: Pointer): number;
  vocabularySeparatorToken(vocab: Pointer): number;
  vocabularyAddsBegin(vocab: Pointer): boolean;
  vocabularyAddsEnd(vocab: Pointer): boolean;
  vocabularyAddsSeparator(vocab: Pointer): boolean;
  vocabularyType(vocab: Pointer): number;
  tokenise(
    vocab: Pointer,
    text: Uint8Array,
    bytes: number,
    tokens: Int32Array,
    max: number,
    addSpecial: boolean,
    parseSpecial: boolean,
  ): number;
  tokenPiece(vocab: Pointer, token: number, buffer: Uint8Array, bytes: number, leftStrip: number, special: boolean): number;
  samplerChain(parameters: StructValue): Pointer;
  samplerChainAdd(chain: Pointer, sampler: Pointer): void;
  samplerGreedy(): Pointer;
  samplerLogitBias(vocabularyTokens: number, count: number, biases: Uint8Array): Pointer;
  samplerDistribution(seed: number): Pointer;
  samplerTopK(k: number): Pointer;
  samplerTopP(p: number, minKeep: number): Pointer;
  samplerMinP(p: number, minKeep: number): Pointer;
  samplerTemperature(temperature: number): Pointer;
  samplerPenalties(vocabularyTokens: number, lastTokens: number, repeat: number, frequency: number, presence: number): Pointer;
  samplerGrammar(vocab: Pointer, grammar: string, root: string): MaybePointer;
  samplerSample(sampler: Pointer, context: Pointer, index: number): number;
  samplerApply(sampler: Pointer, candidates: Pointer): void;
  samplerAccept(sampler: Pointer, token: number): void;
  samplerFree(sampler: Pointer): void;
  quantiseDefaults(): StructValue;
  quantise(inputPath: string, outputPath: string, parameters: StructValue): number;
  supportsGpu(): boolean;
}

const libraryName = (stem: string) => new RegExp(`^(?:lib)?${stem}(?:\\.[\\w]+)*\\.(?:so|dylib|dll)$`);

/**
 * Finds the folder that holds the prebuilt libraries of this platform: `bins/<variant>` of the optional package
 * `@node-llama-cpp/<platform>`.
 * @throws MillraceError E_PLATFORM_UNSUPPORTED, or E_ENGINE_LIBRARY when the package is not installed or holds no library.
 */
export function findLibraryDirectory(platform: string = process.platform, architecture: string = process.arch): string {
  const packages: Record<string, string> = {
    'linux-x64': 'linux-x64',
    'linux-arm64': 'linux-arm64',
    'darwin-arm64': 'mac-arm64-metal',
    'win32-x64': 'win-x64',
  };
  const name = packages[`${platform}-${architecture}`];
  if (name === undefined) {
    throw new MillraceError('E_PLATFORM_UNSUPPORTED', `There is no prebuilt inference library for ${platform} on ${architecture}.`);
  }
  let bins: string;
  try {
    bins = join(dirname(dirname(fileURLToPath(import.meta.resolve(`@node-llama-cpp/${name}`)))), 'bins');
  } catch (cause) {
    throw new MillraceError('E_ENGINE_LIBRARY', `The package @node-llama-cpp/${name} with the inference library is not installed.`, {
      cause,
    });
  }
  const variant = existsSync(bins)
    ? readdirSync(bins).find((folder) => readdirSync(join(bins, folder)).some((file) => libraryName('llama').test(file)))
    : undefined;
  if (variant === undefined) throw new MillraceError('E_ENGINE_LIBRARY', `The package @node-llama-cpp/${name} holds no inference library.`);
  return join(bins, variant);
}

function fileOf(directory: string, stem: string): string {
  const file = readdirSync(directory).find((name) => libraryName(stem).test(name));
  if (file === undefined) throw new MillraceError('E_ENGINE_LIBRARY', `The folder of the inference library holds no ${stem} library.`);
  return join(directory, file);
}

/** Loads the compute backends that fit this processor. Once per process, before the first model. */
export function loadBackends(directory: string): void {
  const ggml = koffi.load(fileOf(directory, 'ggml'));
  const loadAll = ggml.func('ggml_backend_load_all_from_path', 'void', ['str']) as (path: string) => void;
  loadAll(directory);
}

/**
 * Binds libllama for the calling thread and checks its struct layouts.
 * @throws MillraceError E_ENGINE_LIBRARY when a function is missing or a layout differs.
 */
export function openLibrary(directory: string): LlamaLibrary {
  const ggml = koffi.load(fileOf(directory, 'ggml'));
  const base = koffi.load(fileOf(directory, 'ggml-base'));
  const library = koffi.load(fileOf(directory, 'llama'));
  const types = createStructTypes();
  // oxlint-disable-next-line no-unnecessary-type-parameters -- the caller states the signature of the native function
  function bind<Signature>(name: string, result: string | TypeObject, ...parameters: (string | TypeObject)[]): Signature {
    try {
      return library.func(`llama_${name}`, result, parameters) as Signature;
    } catch (cause) {
      throw new MillraceError(
        'E_ENGINE_LIBRARY',
        `The inference library has no function llama_${name}; millrace needs llama.cpp ${pinnedVersion}.`,
        { cause },
      );
    }
  }
  const pointer = 'void *';
  const version = bind<() => string>('version', 'str')();
  const bound: LlamaLibrary = {
    version,
    backendInit: bind('backend_init', 'void'),
    modelDefaults: bind('model_default_params', types.modelParameters),
    contextDefaults: bind('context_default_params', types.contextParameters),
    modelLoad: bind('model_load_from_file', pointer, 'str', types.modelParameters),
    modelFree: bind('model_free', 'void', pointer),
    modelVocab: bind('model_get_vocab', pointer, pointer),
    modelTrainingContext: bind('model_n_ctx_train', 'int32_t', pointer),
    modelEmbeddingWidth: bind('model_n_embd_out', 'int32_t', pointer),
    modelLayers: bind('model_n_layer', 'int32_t', pointer),
    modelHeads: bind('model_n_head', 'int32_t', pointer),
    modelKvHeads: bind('model_n_head_kv', 'int32_t', pointer),
    modelHasEncoder: bind('model_has_encoder', 'bool', pointer),
    modelHasDecoder: bind('model_has_decoder', 'bool', pointer),
    modelIsRecurrent: bind('model_is_recurrent', 'bool', pointer),
    modelIsHybrid: bind('model_is_hybrid', 'bool', pointer),
    modelIsDiffusion: bind('model_is_diffusion', 'bool', pointer),
    modelWindow: bind('model_n_swa', 'int32_t', pointer),
    modelChatTemplate: bind('model_chat_template', 'str', pointer, 'str'),
    modelMetadata: bind('model_meta_val_str', 'int32_t', pointer, 'str', pointer, 'size_t'),
    contextCreate: bind('init_from_model', pointer, pointer, types.contextParameters),
    contextFree: bind('free', 'void', pointer),
    contextTokens: bind('n_ctx', 'uint32_t', pointer),
    contextMemory: bind('get_memory', pointer, pointer),
    attachThreads: createThreadPools(ggml, base, bind('attach_threadpool', 'void', pointer, pointer, pointer)),
    setThreads: bind('set_n_threads', 'void', pointer, 'int32_t', 'int32_t'),
    decode: bind('decode', 'int32_t', pointer, types.batch),
    encode: bind('encode', 'int32_t', pointer, types.batch),
    synchronise: bind('synchronize', 'void', pointer),
    logits: bind('get_logits_ith', pointer, pointer, 'int32_t'),
    sequenceEmbedding: bind('get_embeddings_seq', pointer, pointer, 'int32_t'),
    memoryClear: bind('memory_clear', 'void', pointer, 'bool'),
    memoryRemove: bind('memory_seq_rm', 'bool', pointer, 'int32_t', 'int32_t', 'int32_t'),
    memoryCopy: bind('memory_seq_cp', 'void', pointer, 'int32_t', 'int32_t', 'int32_t', 'int32_t'),
    stateSize: bind('state_seq_get_size', 'size_t', pointer, 'int32_t'),
    stateGet: bind('state_seq_get_data', 'size_t', pointer, pointer, 'size_t', 'int32_t'),
    stateSet: bind('state_seq_set_data', 'size_t', pointer, pointer, 'size_t', 'int32_t'),
    vocabularyTokens: bind('vocab_n_tokens', 'int32_t', pointer),
    vocabularyIsEnd: bind('vocab_is_eog', 'bool', pointer, 'int32_t'),
    vocabularyBeginToken: bind('vocab_bos', 'int32_t', pointer),
    vocabularyEndToken: bind('vocab_eos', 'int32_t', pointer),
    vocabularySeparatorToken: bind('vocab_sep', 'int32_t', pointer),
    vocabularyAddsBegin: bind('vocab_get_add_bos', 'bool', pointer),
    vocabularyAddsEnd: bind('vocab_get_add_eos', 'bool', pointer),
    vocabularyAddsSeparator: bind('vocab_get_add_sep', 'bool', pointer),
    vocabularyType: bind('vocab_type', 'int32_t', pointer),
    tokenise: bind('tokenize', 'int32_t', pointer, pointer, 'int32_t', pointer, 'int32_t', 'bool', 'bool'),
    tokenPiece: bind('token_to_piece', 'int32_t', pointer, 'int32_t', pointer, 'int32_t', 'int32_t', 'bool'),
    samplerChain: bind('sampler_chain_init', pointer, types.chainParameters),
    samplerChainAdd: bind('sampler_chain_add', 'void', pointer, pointer),
    samplerLogitBias: bind('sampler_init_logit_bias', pointer, 'int32_t', 'int32_t', pointer),
    samplerGreedy: bind('sampler_init_greedy', pointer),
    samplerDistribution: bind('sampler_init_dist', pointer, 'uint32_t'),
    samplerTopK: bind('sampler_init_top_k', pointer, 'int32_t'),
    samplerTopP: bind('sampler_init_top_p', pointer, 'float', 'size_t'),
    samplerMinP: bind('sampler_init_min_p', pointer, 'float', 'size_t'),
    samplerTemperature: bind('sampler_init_temp', pointer, 'float'),
    samplerPenalties: bind('sampler_init_penalties', pointer, 'int32_t', 'int32_t', 'float', 'float', 'float'),
    samplerGrammar: bind('sampler_init_grammar', pointer, pointer, 'str', 'str'),
    samplerSample: bind('sampler_sample', 'int32_t', pointer, pointer, 'int32_t'),
    samplerApply: bind('sampler_apply', 'void', pointer, pointer),
    samplerAccept: bind('sampler_accept', 'void', pointer, 'int32_t'),
    samplerFree: bind('sampler_free', 'void', pointer),
    quantiseDefaults: bind('model_quantize_default_params', types.quantiseParameters),
    quantise: bind('model_quantize', 'uint32_t', 'str', 'str', koffi.pointer(types.quantiseParameters)),
    supportsGpu: bind('supports_gpu_offload', 'bool'),
  };
  checkLayout('llama_model_default_params', bound.modelDefaults(), version);
  checkLayout('llama_context_default_params', bound.contextDefaults(), version);
  checkLayout('llama_model_quantize_default_params', bound.quantiseDefaults(), version);
  return bound;
}
