import { copyFile, mkdir, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, hubEntry, hubPath, type ModelsBench, openModelsBench, sha256 } from '../../test/support/models-bench.ts';
import { tinyGguf } from '../../test/support/tiny-models.ts';

let bench: ModelsBench;
beforeEach(async () => {
  bench = await openModelsBench();
});
afterEach(() => bench.close());

const bytes = tinyGguf({ weights: 5_000 });
const entry = hubEntry(bytes);

async function installed(): Promise<{ models: ReturnType<ModelsBench['models']>; path: string }> {
  bench.hub.answer(hubPath, { bytes });
  const models = bench.models([entry]);
  await collect(models.pull('tiny'));
  return { models, path: (await models.resolve('tiny')).path };
}

async function flip(path: string): Promise<void> {
  const content = await readFile(path);
  content[content.byteLength - 9] = (content[content.byteLength - 9] ?? 0) ^ 0x40;
  await writeFile(path, content);
}

describe('resolve', () => {
  it('notices a file that was changed, cut or replaced', async () => {
    const { models, path } = await installed();
    await flip(path);
    await expect(models.resolve('tiny')).rejects.toMatchObject({
      code: 'E_MODEL_TAMPERED',
      remedy: expect.stringContaining('models remove tiny') as string,
    });
    await truncate(path, 1000);
    await expect(models.resolve('tiny')).rejects.toMatchObject({
      code: 'E_MODEL_INVALID',
      message: expect.stringContaining('cut short') as string,
    });
    await collect(models.pull('tiny'));
    expect((await models.resolve('tiny')).sha256).toBe(sha256(bytes));
  });

  it('hashes an untouched file no second time, and a copied one once', async () => {
    const { models, path } = await installed();
    await utimes(path, new Date(1_000_000), new Date(1_000_000));
    expect((await models.resolve('tiny')).sha256).toBe(sha256(bytes));
    const record = JSON.parse(await readFile(`${path}.json`, 'utf8')) as { modifiedMs: number };
    expect(record.modifiedMs).toBe(1_000_000);
  });

  it('treats a file without its record, or a record without its file, as not installed', async () => {
    const { models, path } = await installed();
    await rename(`${path}.json`, `${path}.away`);
    await expect(models.resolve('tiny')).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
    await rename(`${path}.away`, `${path}.json`);
    await rm(path);
    await expect(models.resolve('tiny')).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
    await writeFile(path, bytes);
    await writeFile(`${path}.json`, '{"format": 1, "id":');
    await expect(models.resolve('tiny')).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
  });

  it('takes any GGUF by its path and remembers its hash until it changes', async () => {
    const models = bench.models([]);
    const path = join(bench.home, 'own.gguf');
    await writeFile(path, tinyGguf({ architecture: 'qwen2', name: 'Mine', contextTokens: 99 }));
    const first = await models.resolve(path);
    expect(first).toMatchObject({ id: path, path, task: 'generator', title: 'Mine', contextTokens: 99 });
    await writeFile(path, tinyGguf({ architecture: 'qwen2', name: 'Mine, newer', contextTokens: 99 }));
    expect((await models.resolve(path)).sha256).not.toBe(first.sha256);
  });

  it('knows a catalogue model by its content, wherever it lies', async () => {
    const path = join(bench.home, 'copy.gguf');
    await writeFile(path, bytes);
    expect(await bench.models([{ ...entry, title: 'Known' }]).resolve(path)).toMatchObject({ title: 'Known', licence: 'MIT' });
  });

  it.each<[string, (path: string) => Promise<void>, string]>([
    ['missing', () => Promise.resolve(), 'E_MODEL_NOT_INSTALLED'],
    ['empty', (path) => writeFile(path, ''), 'E_MODEL_INVALID'],
    ['a folder', (path) => mkdir(path).then(() => undefined), 'E_MODEL_INVALID'],
    ['a text', (path) => writeFile(path, 'hello '.repeat(100)), 'E_MODEL_INVALID'],
    ['cut short', (path) => writeFile(path, bytes.subarray(0, 9_000)), 'E_MODEL_INVALID'],
    [
      'part of a split model',
      (path) => writeFile(path, tinyGguf({ extra: [['split.count', { type: 'uint32', value: 3 }]] })),
      'E_MODEL_INVALID',
    ],
    ['without a context length', (path) => writeFile(path, tinyGguf({ contextTokens: 0 })), 'E_MODEL_INVALID'],
  ])('refuses a path that is %s', async (_what, make, code) => {
    const path = join(bench.home, 'own.gguf');
    await make(path);
    await expect(bench.models([]).resolve(path)).rejects.toMatchObject({ code });
  });

  it('names rerankers by their pooling', async () => {
    const path = join(bench.home, 'rank.gguf');
    await writeFile(path, tinyGguf({ architecture: 'bert', poolingType: 4 }));
    expect(await bench.models([]).resolve(path)).toMatchObject({ task: 'reranker' });
  });
});

describe('verify', () => {
  it('reports every installed model, intact or not', async () => {
    const { models, path } = await installed();
    expect(await models.verify()).toEqual([{ id: 'tiny', path, bytes: bytes.byteLength, sha256: sha256(bytes) }]);
    await flip(path);
    expect(await models.verify('tiny')).toMatchObject([{ id: 'tiny', code: 'E_MODEL_TAMPERED' }]);
    await rm(path);
    expect(await models.verify('tiny')).toMatchObject([{ code: 'E_MODEL_NOT_INSTALLED' }]);
    expect(await models.verify()).toEqual([]);
  });

  it('does not believe a record that agrees with a changed file', async () => {
    const { models, path } = await installed();
    await flip(path);
    const record = JSON.parse(await readFile(`${path}.json`, 'utf8')) as Record<string, unknown>;
    await writeFile(`${path}.json`, JSON.stringify({ ...record, sha256: sha256(await readFile(path)) }));
    expect(await models.verify('tiny')).toMatchObject([
      { code: 'E_MODEL_TAMPERED', message: expect.stringContaining('catalogue') as string },
    ]);
  });
});

describe('files placed by hand', () => {
  it('are taken over when they are the model of the catalogue', async () => {
    const models = bench.models([entry]);
    const path = join(bench.home, 'models', 'tiny.gguf');
    await mkdir(join(bench.home, 'models'), { recursive: true });
    await writeFile(path, bytes);
    expect((await collect(models.pull('tiny'))).map(({ type }) => type)).toEqual(['model-ready']);
    expect(bench.hub.seen).toEqual([]);
    expect(JSON.parse(await readFile(`${path}.json`, 'utf8'))).toMatchObject({ source: 'by hand' });
  });

  it('are refused when they are not, and left alone', async () => {
    const path = join(bench.home, 'models', 'tiny.gguf');
    await mkdir(join(bench.home, 'models'), { recursive: true });
    await writeFile(path, tinyGguf({ name: 'Another' }));
    await expect(collect(bench.models([entry]).pull('tiny'))).rejects.toMatchObject({ code: 'E_MODEL_TAMPERED' });
    expect((await readFile(path)).byteLength).toBeGreaterThan(0);
  });
});

describe('remove', () => {
  it('deletes the model and leftovers, and never a file of the user', async () => {
    const { models, path } = await installed();
    await copyFile(path, join(bench.home, 'own.gguf'));
    expect(await models.remove('tiny')).toEqual({ bytes: bytes.byteLength });
    await expect(models.remove('tiny')).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
    await expect(models.remove(join(bench.home, 'own.gguf'))).rejects.toMatchObject({ code: 'E_MODEL_UNKNOWN' });
    expect((await readFile(join(bench.home, 'own.gguf'))).byteLength).toBe(bytes.byteLength);
  });
});
