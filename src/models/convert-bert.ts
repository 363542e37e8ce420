import { createHash } from 'node:crypto';
import { readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import { halfFromSingle, q8FromSingle } from '../formats/gguf/encode-weights.ts';
import { f16Type, f32Type, q8Type } from '../formats/gguf/weight-layout.ts';
import { planGguf, type GgufTensorPlan, type GgufValue } from '../formats/gguf/write-header.ts';
import { withFile } from './with-file.ts';
import { readSafetensorsHeader, type SafeTensor } from './safetensors.ts';

export type BertWeightType = 'F32' | 'F16' | 'Q8_0';

export interface ConvertBertOptions {
  /** Holds `model.safetensors`, `config.json` and `vocab.txt` or `tokenizer.json`. */
  readonly folder: string;
  readonly outputPath: string;
  /** Type of the matrices. Norms, biases, positions and token types are always F32, as llama.cpp expects. */
  readonly weightType: BertWeightType;
  readonly pooling: 'mean' | 'cls';
  /** Name written into the file. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

const sliceBytes = 512 * 1024;
const vocabularyLimitBytes = 32 * 1024 * 1024;
const poolingIds = { mean: 1, cls: 2 } as const;
/** `general.file_type` as llama.cpp numbers it. */
const fileTypeIds = { F32: 0, F16: 1, Q8_0: 7 } as const;
const weightTypeIds = { F32: f32Type, F16: f16Type, Q8_0: q8Type } as const;
const normalToken = 1;
const unknownToken = 2;
const controlToken = 3;

const configSchema = z.object({
  model_type: z.literal('bert'),
  hidden_size: z.number().int().positive(),
  intermediate_size: z.number().int().positive(),
  num_hidden_layers: z.number().int().positive().max(256),
  num_attention_heads: z.number().int().positive(),
  max_position_embeddings: z.number().int().positive(),
  layer_norm_eps: z.number().positive(),
  type_vocab_size: z.number().int().positive().max(16),
  vocab_size: z.number().int().positive().max(1_000_000),
  position_embedding_type: z.literal('absolute').optional(),
  hidden_act: z.literal('gelu').optional(),
});
type BertConfig = z.infer<typeof configSchema>;

const tokenizerSchema = z.object({ model: z.object({ type: z.literal('WordPiece'), vocab: z.record(z.string(), z.number().int()) }) });

/**
 * Writes a BERT encoder with a WordPiece vocabulary as GGUF: architecture `bert`, the names and types that llama.cpp reads
 * (its converter, v0.4.0). Holds one slice in memory at a time and lets other work run between slices. The bytes depend on
 * the input alone.
 *
 * @returns size and sha256 of what was written
 * @throws MillraceError E_MODEL_INVALID when the folder is not such a model; errors of the file system as they are
 */
export async function convertBert(options: ConvertBertOptions): Promise<{ bytes: number; sha256: string }> {
  const config = await readJson(join(options.folder, 'config.json'), configSchema);
  const vocabulary = await readVocabulary(options.folder, config.vocab_size);
  return withFile(join(options.folder, 'model.safetensors'), 'r', async (weights) => {
    const { size } = await weights.stat();
    const tensors = await readSafetensorsHeader(size, (offset, length) => readExactly(weights, offset, length)).catch((cause: unknown) => {
      throw invalid(options.folder, cause instanceof Error ? cause.message : String(cause), cause);
    });
    const planned = planTensors(config, tensors, options);
    const plan = planGguf(
      describeBert(config, vocabulary, options),
      planned.map(({ target }) => target),
    );
    return withFile(options.outputPath, 'w', async (output) => {
      const hash = createHash('sha256');
      const write = async (bytes: Uint8Array): Promise<void> => {
        options.signal?.throwIfAborted();
        hash.update(bytes);
        await output.writeFile(bytes);
      };
      await write(plan.header);
      const buffer = Buffer.alloc(sliceBytes);
      for (const [index, { source, target }] of planned.entries()) {
        for (let offset = source.start; offset < source.end; offset += sliceBytes) {
          const slice = await readExactly(weights, offset, Math.min(sliceBytes, source.end - offset), buffer);
          await write(encode(slice, target.typeId));
        }
        await write(new Uint8Array(plan.tensors[index]?.paddingBytes ?? 0));
      }
      await output.sync();
      return { bytes: plan.totalBytes, sha256: hash.digest('hex') };
    });
  });
}

function encode(slice: Uint8Array, typeId: number): Uint8Array {
  if (typeId === f16Type) return halfFromSingle(slice);
  return typeId === q8Type ? q8FromSingle(slice) : slice;
}

function planTensors(
  config: BertConfig,
  tensors: ReadonlyMap<string, SafeTensor>,
  options: ConvertBertOptions,
): { source: SafeTensor; target: GgufTensorPlan }[] {
  const matrix = weightTypeIds[options.weightType];
  if (options.weightType === 'Q8_0' && (config.hidden_size % 32 !== 0 || config.intermediate_size % 32 !== 0)) {
    throw invalid(options.folder, 'its rows are not whole blocks of 32 weights, which Q8_0 needs');
  }
  const names: [string, string, number, readonly number[]][] = [];
  const { hidden_size: hidden, intermediate_size: inner } = config;
  names.push(['embeddings.word_embeddings.weight', 'token_embd.weight', matrix, [config.vocab_size, hidden]]);
  names.push(['embeddings.position_embeddings.weight', 'position_embd.weight', f32Type, [config.max_position_embeddings, hidden]]);
  names.push(['embeddings.token_type_embeddings.weight', 'token_types.weight', f32Type, [config.type_vocab_size, hidden]]);
  const addLinear = (from: string, to: string, rows: number, columns: number): void => {
    names.push([`${from}.weight`, `${to}.weight`, matrix, [rows, columns]], [`${from}.bias`, `${to}.bias`, f32Type, [rows]]);
  };
  const addNorm = (from: string, to: string): void => {
    names.push([`${from}.weight`, `${to}.weight`, f32Type, [hidden]], [`${from}.bias`, `${to}.bias`, f32Type, [hidden]]);
  };
  addNorm('embeddings.LayerNorm', 'token_embd_norm');
  for (let layer = 0; layer < config.num_hidden_layers; layer += 1) {
    const from = `encoder.layer.${layer}`;
    const to = `blk.${layer}`;
    addLinear(`${from}.attention.self.query`, `${to}.attn_q`, hidden, hidden);
    addLinear(`${from}.attention.self.key`, `${to}.attn_k`, hidden, hidden);
    addLinear(`${from}.attention.self.value`, `${to}.attn_v`, hidden, hidden);
    addLinear(`${from}.attention.output.dense`, `${to}.attn_output`, hidden, hidden);
    addNorm(`${from}.attention.output.LayerNorm`, `${to}.attn_output_norm`);
    addLinear(`${from}.intermediate.dense`, `${to}.ffn_up`, inner, hidden);
    addLinear(`${from}.output.dense`, `${to}.ffn_down`, hidden, inner);
    addNorm(`${from}.output.LayerNorm`, `${to}.layer_output_norm`);
  }
  return names.map(([from, to, typeId, shape]) => {
    const source = tensors.get(from) ?? tensors.get(`bert.${from}`);
    if (source === undefined) throw invalid(options.folder, `the tensor ${from} is missing`);
    const bytes = shape.reduce((product, dimension) => product * dimension, 4);
    if (source.type !== 'F32' || source.shape.join() !== shape.join() || source.end - source.start !== bytes) {
      throw invalid(
        options.folder,
        `the tensor ${from} is ${source.type} [${source.shape.join(', ')}] instead of F32 [${shape.join(', ')}]`,
      );
    }
    return { source, target: { name: to, shape: shape.toReversed(), typeId } };
  });
}

function describeBert(config: BertConfig, vocabulary: readonly string[], options: ConvertBertOptions): [string, GgufValue][] {
  const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
  const special = (token: string): GgufValue => uint32(specialId(vocabulary, token, options.folder));
  return [
    ['general.architecture', { type: 'string', value: 'bert' }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: options.name }],
    ['general.file_type', uint32(fileTypeIds[options.weightType])],
    ['general.quantization_version', uint32(2)],
    ['bert.block_count', uint32(config.num_hidden_layers)],
    ['bert.context_length', uint32(config.max_position_embeddings)],
    ['bert.embedding_length', uint32(config.hidden_size)],
    ['bert.feed_forward_length', uint32(config.intermediate_size)],
    ['bert.attention.head_count', uint32(config.num_attention_heads)],
    ['bert.attention.layer_norm_epsilon', { type: 'float32', value: config.layer_norm_eps }],
    ['bert.attention.causal', { type: 'bool', value: false }],
    ['bert.pooling_type', uint32(poolingIds[options.pooling])],
    ['tokenizer.ggml.model', { type: 'string', value: 'bert' }],
    ['tokenizer.ggml.pre', { type: 'string', value: 'jina-v2-en' }],
    ['tokenizer.ggml.token_type_count', uint32(config.type_vocab_size)],
    ['tokenizer.ggml.tokens', { type: 'strings', value: vocabulary.map(phantomToken) }],
    ['tokenizer.ggml.token_type', { type: 'int32s', value: vocabulary.map(tokenType) }],
    ['tokenizer.ggml.bos_token_id', special('[CLS]')],
    ['tokenizer.ggml.eos_token_id', special('[SEP]')],
    ['tokenizer.ggml.unknown_token_id', special('[UNK]')],
    ['tokenizer.ggml.seperator_token_id', special('[SEP]')],
    ['tokenizer.ggml.padding_token_id', special('[PAD]')],
    ['tokenizer.ggml.cls_token_id', special('[CLS]')],
    ['tokenizer.ggml.mask_token_id', special('[MASK]')],
  ];
}

const controlTokens: ReadonlySet<string> = new Set(['[PAD]', '[CLS]', '[SEP]', '[MASK]']);

function tokenType(token: string): number {
  if (controlTokens.has(token)) return controlToken;
  return token === '[UNK]' ? unknownToken : normalToken;
}

/** llama.cpp marks the beginning of a word (U+2581), WordPiece its continuation (##). */
function phantomToken(token: string): string {
  if (controlTokens.has(token) || token === '[UNK]') return token;
  return token.startsWith('##') ? token.slice(2) : `\u2581${token}`;
}

function specialId(vocabulary: readonly string[], token: string, folder: string): number {
  const id = vocabulary.indexOf(token);
  if (id < 0) throw invalid(folder, `the vocabulary lacks the token ${token}`);
  return id;
}

async function readVocabulary(folder: string, size: number): Promise<readonly string[]> {
  const text = await readText(join(folder, 'vocab.txt')).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  const tokens: (string | undefined)[] = Array.from({ length: size });
  if (text !== undefined) {
    const lines = text.split(/\r?\n/u);
    if (lines.at(-1) === '') lines.pop();
    if (lines.length !== size) throw invalid(folder, `vocab.txt has ${lines.length} tokens instead of ${size}`);
    return lines;
  }
  const { model } = await readJson(join(folder, 'tokenizer.json'), tokenizerSchema);
  for (const [token, id] of Object.entries(model.vocab)) if (id >= 0 && id < size) tokens[id] = token;
  return tokens.map((token, id) => {
    if (token === undefined) throw invalid(folder, `tokenizer.json has no token with the number ${id}`);
    return token;
  });
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readText(path);
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw invalid(path, cause instanceof z.ZodError ? z.prettifyError(cause) : 'it is not JSON', cause);
  }
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.byteLength > vocabularyLimitBytes) throw invalid(path, `it is larger than ${vocabularyLimitBytes} bytes`);
  return bytes.toString('utf8');
}

async function readExactly(file: FileHandle, offset: number, length: number, buffer = Buffer.alloc(length)): Promise<Uint8Array> {
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  if (bytesRead !== length) throw new Error('The safetensors file ended early.');
  return buffer.subarray(0, length);
}

function invalid(path: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('E_MODEL_INVALID', `The model in ${path} cannot be converted: ${reason}.`, { cause });
}
