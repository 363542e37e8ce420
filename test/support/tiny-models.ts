import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planGguf, type GgufValue } from '../../src/formats/gguf/write-header.ts';

export interface TinyGgufOptions {
  readonly architecture?: string;
  readonly contextTokens?: number;
  /** 1 mean, 2 cls, 3 last, 4 rank; absent for generators. */
  readonly poolingType?: number;
  readonly name?: string;
  /** Weights of the only tensor, each 4 bytes. */
  readonly weights?: number;
  readonly extra?: readonly (readonly [string, GgufValue])[];
}

/** A valid GGUF file of a few hundred bytes that no engine could use. */
export function tinyGguf(options: TinyGgufOptions = {}): Buffer {
  const architecture = options.architecture ?? 'llama';
  const weights = options.weights ?? 64;
  const metadata: [string, GgufValue][] = [
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.name', { type: 'string', value: options.name ?? 'Tiny' }],
    ['general.license', { type: 'string', value: 'mit' }],
    [`${architecture}.context_length`, { type: 'uint32', value: options.contextTokens ?? 512 }],
    [`${architecture}.embedding_length`, { type: 'uint32', value: 16 }],
    ['tokenizer.ggml.tokens', { type: 'strings', value: ['a', 'bb', 'ccc'] }],
    ['tokenizer.ggml.token_type', { type: 'int32s', value: [1, 1, 3] }],
  ];
  if (options.poolingType !== undefined) metadata.push([`${architecture}.pooling_type`, { type: 'uint32', value: options.poolingType }]);
  metadata.push(...((options.extra ?? []) as [string, GgufValue][]));
  const plan = planGguf(metadata, [{ name: 'token_embd.weight', shape: [weights], typeId: 0 }]);
  const data = Buffer.alloc(weights * 4 + (plan.tensors[0]?.paddingBytes ?? 0));
  for (let index = 0; index < weights; index += 1) data.writeFloatLE(index / 7, index * 4);
  return Buffer.concat([plan.header, data]);
}

/** Deterministic values in [-1, 1). */
export function tinyWeights(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export const tinyVocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'mill', '##race', 'water'];

/** Files of a BERT folder: one layer, width 32, eight tokens. */
export function tinyBertFiles(
  options: { readonly prefix?: string } = {},
): Record<'config.json' | 'vocab.txt' | 'model.safetensors', Buffer> {
  const hidden = 32;
  const inner = 64;
  const shapes: Record<string, number[]> = {
    'embeddings.word_embeddings.weight': [tinyVocabulary.length, hidden],
    'embeddings.position_embeddings.weight': [16, hidden],
    'embeddings.token_type_embeddings.weight': [2, hidden],
    'embeddings.LayerNorm.weight': [hidden],
    'embeddings.LayerNorm.bias': [hidden],
    'pooler.dense.bias': [hidden],
  };
  const layer = 'encoder.layer.0';
  for (const part of ['attention.self.query', 'attention.self.key', 'attention.self.value', 'attention.output.dense']) {
    shapes[`${layer}.${part}.weight`] = [hidden, hidden];
    shapes[`${layer}.${part}.bias`] = [hidden];
  }
  for (const norm of ['attention.output.LayerNorm', 'output.LayerNorm']) {
    shapes[`${layer}.${norm}.weight`] = [hidden];
    shapes[`${layer}.${norm}.bias`] = [hidden];
  }
  shapes[`${layer}.intermediate.dense.weight`] = [inner, hidden];
  shapes[`${layer}.intermediate.dense.bias`] = [inner];
  shapes[`${layer}.output.dense.weight`] = [hidden, inner];
  shapes[`${layer}.output.dense.bias`] = [hidden];
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [index, [name, shape]] of Object.entries(shapes).entries()) {
    const values = tinyWeights(
      shape.reduce((product, size) => product * size, 1),
      index + 1,
    );
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    header[`${options.prefix ?? ''}${name}`] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes.byteLength] };
    parts.push(bytes);
    offset += bytes.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.byteLength));
  const config = {
    model_type: 'bert',
    hidden_size: hidden,
    intermediate_size: inner,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 16,
    layer_norm_eps: 1e-12,
    type_vocab_size: 2,
    vocab_size: tinyVocabulary.length,
    hidden_act: 'gelu',
  };
  return {
    'config.json': Buffer.from(JSON.stringify(config)),
    'vocab.txt': Buffer.from(`${tinyVocabulary.join('\n')}\n`),
    'model.safetensors': Buffer.concat([length, text, ...parts]),
  };
}

export async function writeFiles(folder: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
}
