import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tinyBertFiles, tinyVocabulary, writeFiles } from '../../test/support/tiny-models.ts';
import { readGgufHeader } from '../formats/gguf/read-header.ts';
import { convertBert } from './convert-bert.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bert-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function convert(weightType: 'F32' | 'F16' | 'Q8_0' = 'F32') {
  const outputPath = join(folder, `${weightType}.gguf`);
  const made = await convertBert({ folder, outputPath, weightType, pooling: 'cls', name: 'tiny' });
  const bytes = await readFile(outputPath);
  const header = await readGgufHeader({
    size: bytes.byteLength,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  });
  return { made, bytes, header };
}

describe('convertBert', () => {
  it('writes names, shapes and values that llama.cpp expects', async () => {
    const files = tinyBertFiles();
    await writeFiles(folder, files);
    const { made, bytes, header } = await convert();
    expect(made.bytes).toBe(bytes.byteLength);
    expect(header.endBytes).toBe(bytes.byteLength);
    expect(header.metadata.get('general.architecture')).toBe('bert');
    expect(header.metadata.get('bert.pooling_type')).toBe(2);
    expect(header.metadata.get('bert.attention.causal')).toBe(false);
    expect(header.metadata.get('tokenizer.ggml.bos_token_id')).toBe(2);
    expect(header.metadata.get('tokenizer.ggml.seperator_token_id')).toBe(3);
    expect(header.tensors.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'token_embd.weight',
        'position_embd.weight',
        'token_embd_norm.bias',
        'blk.0.attn_q.weight',
        'blk.0.layer_output_norm.weight',
      ]),
    );
    expect(header.tensors).toHaveLength(21);
    const up = header.tensors.find(({ name }) => name === 'blk.0.ffn_up.weight');
    expect(up?.shape).toEqual([32, 64]);
    const source = files['model.safetensors'];
    const start = 8 + Number(source.readBigUInt64LE());
    const places = JSON.parse(source.subarray(8, start).toString()) as Record<string, { data_offsets: [number, number] }>;
    const [from, to] = places['encoder.layer.0.intermediate.dense.weight']?.data_offsets ?? [0, 0];
    expect(bytes.subarray(up?.offset, (up?.offset ?? 0) + (up?.bytes ?? 0)).equals(source.subarray(start + from, start + to))).toBe(true);
  });

  it('marks the beginnings of words and leaves special tokens alone', async () => {
    await writeFiles(folder, tinyBertFiles());
    const { bytes } = await convert();
    expect(bytes.includes('\u2581mill')).toBe(true);
    expect(bytes.includes('##race')).toBe(false);
    expect(bytes.includes('\u2581[CLS]')).toBe(false);
  });

  it('gives the same bytes every time, and from tokenizer.json as from vocab.txt', async () => {
    await writeFiles(folder, tinyBertFiles({ prefix: 'bert.' }));
    const first = await convert('Q8_0');
    await rm(join(folder, 'vocab.txt'));
    const vocab = Object.fromEntries(tinyVocabulary.map((token, id) => [token, id]));
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ model: { type: 'WordPiece', vocab } }));
    const second = await convert('Q8_0');
    expect(second.made).toEqual(first.made);
    expect(first.header.tensors.find(({ name }) => name === 'token_embd.weight')?.type).toBe('Q8_0');
    expect(first.header.tensors.find(({ name }) => name === 'position_embd.weight')?.type).toBe('F32');
  });

  it.each<[string, (files: ReturnType<typeof tinyBertFiles>) => Record<string, Buffer>, RegExp]>([
    ['another architecture', (files) => ({ ...files, 'config.json': Buffer.from('{"model_type":"roberta"}') }), /cannot be converted/u],
    ['a config that is no JSON', (files) => ({ ...files, 'config.json': Buffer.from('<html>') }), /not JSON/u],
    ['a vocabulary of another size', (files) => ({ ...files, 'vocab.txt': Buffer.from('[PAD]\n[UNK]\n') }), /2 tokens instead of 8/u],
    [
      'weights cut short',
      (files) => ({ ...files, 'model.safetensors': files['model.safetensors'].subarray(0, 4000) }),
      /outside the safetensors file/u,
    ],
    ['a header longer than the file', (files) => ({ ...files, 'model.safetensors': Buffer.alloc(64, 0x7f) }), /longer than the file/u],
  ])('refuses %s', async (_what, change, reason) => {
    await writeFiles(folder, change(tinyBertFiles()));
    await expect(convert()).rejects.toMatchObject({ code: 'E_MODEL_INVALID', message: expect.stringMatching(reason) as string });
  });
});
