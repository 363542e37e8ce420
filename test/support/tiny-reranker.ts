import { planGguf, type GgufValue } from '../../src/formats/gguf/write-header.ts';

/** Words that make a pair fit; every other word is unknown to the model. */
const fittingWords = ['mill', 'built', 'river'];
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const vocabulary = [...special, ...fittingWords];
const hidden = 32;
const context = 512;

/**
 * A cross-encoder made by hand, a BERT of one layer with `pooling = rank`: fitting words have a direction of their own, attention is even over
 * all tokens, and the score is how far the first token is moved into that direction. The more of a pair are fitting words, the higher.
 */
export function tinyReranker(): Buffer {
  const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
  const metadata: [string, GgufValue][] = [
    ['general.architecture', { type: 'string', value: 'bert' }],
    ['general.name', { type: 'string', value: 'Tiny reranker' }],
    ['bert.block_count', uint32(1)],
    ['bert.context_length', uint32(context)],
    ['bert.embedding_length', uint32(hidden)],
    ['bert.feed_forward_length', uint32(hidden)],
    ['bert.attention.head_count', uint32(2)],
    ['bert.attention.layer_norm_epsilon', { type: 'float32', value: 1e-12 }],
    ['bert.attention.causal', { type: 'bool', value: false }],
    ['bert.pooling_type', uint32(4)],
    ['tokenizer.ggml.model', { type: 'string', value: 'bert' }],
    ['tokenizer.ggml.pre', { type: 'string', value: 'jina-v2-en' }],
    ['tokenizer.ggml.token_type_count', uint32(2)],
    ['tokenizer.ggml.tokens', { type: 'strings', value: vocabulary.map((token) => (token.startsWith('[') ? token : `\u2581${token}`)) }],
    [
      'tokenizer.ggml.token_type',
      { type: 'int32s', value: vocabulary.map((token) => (token === '[UNK]' ? 2 : token.startsWith('[') ? 3 : 1)) },
    ],
    ['tokenizer.ggml.bos_token_id', uint32(2)],
    ['tokenizer.ggml.eos_token_id', uint32(3)],
    ['tokenizer.ggml.unknown_token_id', uint32(1)],
    ['tokenizer.ggml.seperator_token_id', uint32(3)],
    ['tokenizer.ggml.padding_token_id', uint32(0)],
    ['tokenizer.ggml.cls_token_id', uint32(2)],
    ['tokenizer.ggml.mask_token_id', uint32(4)],
  ];
  const tensors = tensorsOf();
  const plan = planGguf(
    metadata,
    tensors.map(({ name, shape }) => ({ name, shape, typeId: 0 })),
  );
  const parts = tensors.flatMap(({ values }, index) => [
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
    Buffer.alloc(plan.tensors[index]?.paddingBytes ?? 0),
  ]);
  return Buffer.concat([plan.header, ...parts]);
}

interface Tensor {
  readonly name: string;
  /** Fastest varying dimension first. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function tensorsOf(): Tensor[] {
  const zeros = (name: string, ...shape: number[]): Tensor => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  });
  const filled = (tensor: Tensor, place: (at: number) => number): Tensor => ({
    ...tensor,
    values: tensor.values.map((_, at) => place(at)),
  });
  const ones = (name: string): Tensor => filled(zeros(name, hidden), () => 1);
  const identity = (name: string, scale = 1): Tensor => filled(zeros(name, hidden, hidden), (at) => (at % (hidden + 1) === 0 ? scale : 0));
  const norm = (name: string): Tensor[] => [ones(`${name}.weight`), zeros(`${name}.bias`, hidden)];
  const fitting = new Set(fittingWords.map((word) => vocabulary.indexOf(word)));
  const first = vocabulary.indexOf('[CLS]');
  return [
    // The first token has a direction of its own, so that a norm does not hide how far it is moved into the other.
    filled(zeros('token_embd.weight', hidden, vocabulary.length), (at) => {
      const [token, dimension] = [Math.floor(at / hidden), at % hidden];
      return (dimension === 0 && fitting.has(token)) || (dimension === 1 && token === first) ? 1 : 0;
    }),
    zeros('position_embd.weight', hidden, context),
    zeros('token_types.weight', hidden, 2),
    ...norm('token_embd_norm'),
    ...['attn_q', 'attn_k'].flatMap((name) => [zeros(`blk.0.${name}.weight`, hidden, hidden), zeros(`blk.0.${name}.bias`, hidden)]),
    ...['attn_v', 'attn_output'].flatMap((name) => [identity(`blk.0.${name}.weight`), zeros(`blk.0.${name}.bias`, hidden)]),
    ...norm('blk.0.attn_output_norm'),
    ...['ffn_up', 'ffn_down'].flatMap((name) => [zeros(`blk.0.${name}.weight`, hidden, hidden), zeros(`blk.0.${name}.bias`, hidden)]),
    ...norm('blk.0.layer_output_norm'),
    // The head squeezes with tanh: a fifth keeps it far from its ends.
    identity('cls.weight', 0.2),
    zeros('cls.bias', hidden),
    filled(zeros('cls.output.weight', hidden, 1), (at) => (at === 0 ? 1 : 0)),
    zeros('cls.output.bias', 1),
  ];
}
