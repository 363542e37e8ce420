import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, hubEntry, hubPath, type ModelsBench, openModelsBench, sha256, waitForBytes } from '../../test/support/models-bench.ts';
import { startFakeHub } from '../../test/support/fake-hub.ts';
import { tinyBertFiles, tinyGguf } from '../../test/support/tiny-models.ts';
import type { CatalogueEntry } from './catalogue-entry.ts';

let bench: ModelsBench;
beforeEach(async () => {
  bench = await openModelsBench();
});
afterEach(() => bench.close());

const bytes = tinyGguf({ weights: 100_000 });
const partialPath = (): string => join(bench.home, 'incoming', 'tiny', 'model.gguf.partial');

async function failure(
  work: Promise<unknown>,
): Promise<{ code: string; message: string; remedy: string; details: Record<string, unknown> }> {
  return work.then(
    () => {
      throw new Error('It should have failed.');
    },
    (error: unknown) => error as { code: string; message: string; remedy: string; details: Record<string, unknown> },
  );
}

describe('pulling from the hub', () => {
  it('fetches, checks, records and is then there for good', async () => {
    bench.hub.answer(hubPath, { bytes });
    const models = bench.models([hubEntry(bytes)]);
    await expect(models.resolve('tiny')).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
    const events = await collect(models.pull('tiny'));
    expect(events[0]).toEqual({ type: 'model-source', model: 'tiny', source: 'hub:o/r', totalBytes: bytes.byteLength, resumedBytes: 0 });
    expect(events.at(-1)).toEqual({
      type: 'model-ready',
      model: 'tiny',
      path: join(bench.home, 'models', 'tiny.gguf'),
      bytes: bytes.byteLength,
    });
    expect(events.filter(({ type }) => type === 'model-bytes').at(-1)).toMatchObject({ doneBytes: bytes.byteLength });
    const model = await models.resolve('tiny', { task: 'generator' });
    expect(model).toMatchObject({ id: 'tiny', sha256: sha256(bytes), bytes: bytes.byteLength, licence: 'MIT' });
    expect((await readFile(model.path)).equals(bytes)).toBe(true);
    expect(await readdir(join(bench.home, 'incoming'))).toEqual(['tiny.lock']);
    expect(await collect(models.pull('tiny'))).toHaveLength(1);
    expect(bench.hub.seen).toHaveLength(1);
  });

  it('goes on where a broken connection or an earlier pull stopped', async () => {
    bench.hub.answer(
      hubPath,
      { bytes, sendBytes: 150_000, ending: 'break', until: () => waitForBytes(partialPath(), 150_000) },
      { bytes, sendBytes: 100_000, ending: 'break', until: () => waitForBytes(partialPath(), 250_000) },
      { bytes },
    );
    await collect(bench.models([hubEntry(bytes)]).pull('tiny'));
    expect(bench.hub.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=150000-', 'bytes=250000-']);
  });

  it('gives up a silent server in bounded time and keeps what it sent', async () => {
    bench.hub.answer(hubPath, { bytes, sendBytes: 150_000, ending: 'silence' }, { bytes, ending: 'silence' });
    const models = bench.models([hubEntry(bytes)]);
    const error = await failure(collect(models.pull('tiny')));
    expect(error).toMatchObject({ code: 'E_DOWNLOAD_FAILED' });
    expect(error.message).toMatch(/stopped sending/u);
    bench.hub.answer(hubPath, { bytes });
    const events = await collect(models.pull('tiny'));
    expect(events[0]).toMatchObject({ type: 'model-source', resumedBytes: expect.any(Number) as number });
    expect((events[0] as { resumedBytes: number }).resumedBytes).toBeGreaterThan(0);
  }, 20_000);

  it('starts again when the file on the hub became another one', async () => {
    const other = tinyGguf({ weights: 100_000, name: 'Newer' });
    bench.hub.answer(
      hubPath,
      { bytes, sendBytes: 150_000, ending: 'break', until: () => waitForBytes(partialPath(), 150_000), headers: { etag: '"one"' } },
      { bytes: other, headers: { etag: '"two"' } },
    );
    const models = bench.models([hubEntry(bytes, null)]);
    await collect(models.pull('tiny'));
    expect((await models.resolve('tiny')).sha256).toBe(sha256(other));
  });

  it('starts again when the server ignores ranges', async () => {
    bench.hub.answer(
      hubPath,
      { bytes, sendBytes: 150_000, ending: 'break', until: () => waitForBytes(partialPath(), 150_000) },
      { bytes, ignoreRange: true },
    );
    const models = bench.models([hubEntry(bytes)]);
    await collect(models.pull('tiny'));
    expect((await models.verify()).map(({ code }) => code)).toEqual([undefined]);
  });

  it('takes over an unfinished file that is already whole', async () => {
    const entry = hubEntry(bytes);
    const folder = join(bench.home, 'incoming', 'tiny');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'model.gguf.partial'), bytes);
    await writeFile(join(folder, 'model.gguf.state.json'), JSON.stringify({ address: `${bench.hub.url}${hubPath}` }));
    bench.hub.answer(hubPath, { bytes });
    await collect(bench.models([entry]).pull('tiny'));
    expect(bench.hub.seen.map(({ range }) => range)).toEqual([`bytes=${bytes.byteLength}-`]);
  });

  it('refetches once when resumed bytes were wrong, and refuses wrong content', async () => {
    const folder = join(bench.home, 'incoming', 'tiny');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'model.gguf.partial'), Buffer.alloc(1000));
    await writeFile(join(folder, 'model.gguf.state.json'), JSON.stringify({ address: `${bench.hub.url}${hubPath}` }));
    bench.hub.answer(hubPath, { bytes });
    const models = bench.models([hubEntry(bytes)]);
    await collect(models.pull('tiny'));
    expect((await models.resolve('tiny')).sha256).toBe(sha256(bytes));

    await models.remove('tiny');
    const wrong = Buffer.from(bytes);
    wrong[bytes.byteLength - 5] = (wrong[bytes.byteLength - 5] ?? 0) ^ 1;
    bench.hub.answer(hubPath, { bytes: wrong });
    const error = await failure(collect(models.pull('tiny')));
    expect(error.code).toBe('E_DOWNLOAD_FAILED');
    expect(error.message).toContain(`instead of ${sha256(bytes)}`);
  });

  it('checks an unpinned file against the hash that the hub states', async () => {
    const stated = { 'x-linked-etag': `"${'0'.repeat(64)}"` };
    bench.hub.answer(hubPath, { status: 302, headers: { location: '/storage/blob', ...stated } });
    bench.hub.answer('/storage/blob', { bytes });
    const models = bench.models([hubEntry(bytes, null)]);
    expect((await failure(collect(models.pull('tiny')))).message).toMatch(/has the sha256 \w{64} instead of 0{64}/u);
    bench.hub.answer(hubPath, { status: 302, headers: { location: '/storage/blob', 'x-linked-etag': `"${sha256(bytes)}"` } });
    await collect(models.pull('tiny'));
  });

  it.each([
    [401, /refuses.*HF_TOKEN/u],
    [403, /refuses/u],
    [404, /has no .*HTTP 404/u],
    [503, /HTTP 503/u],
  ])('explains HTTP %d', async (status, reason) => {
    bench.hub.answer(hubPath, { status });
    const error = await failure(collect(bench.models([hubEntry(bytes)]).pull('tiny')));
    expect(error.code).toBe('E_DOWNLOAD_FAILED');
    expect(error.message).toMatch(reason);
    expect(error.remedy).toMatch(/HTTPS_PROXY.*NODE_EXTRA_CA_CERTS.*HF_ENDPOINT.*by hand/u);
  });

  it('sends the token to the endpoint and not to where it redirects', async () => {
    const storage = await startFakeHub();
    try {
      bench.hub.answer(hubPath, { status: 302, headers: { location: `${storage.url}/blob` } });
      storage.answer('/blob', { bytes });
      await collect(
        bench.models([hubEntry(bytes)], { environment: { HF_ENDPOINT: `${bench.hub.url}/`, HF_TOKEN: 'secret' } }).pull('tiny'),
      );
      expect(bench.hub.seen.map(({ authorization }) => authorization)).toEqual(['Bearer secret']);
      expect(storage.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    } finally {
      await storage.close();
    }
  });

  it('uses the proxy of the environment, and not for hosts of NO_PROXY', async () => {
    const environment = { HF_ENDPOINT: 'http://models.invalid', HTTP_PROXY: bench.hub.url };
    bench.hub.answer('http://models.invalid/o/r/resolve/main/model.gguf', { bytes });
    await collect(bench.models([hubEntry(bytes)], { environment }).pull('tiny'));
    expect(bench.hub.seen).toHaveLength(1);
    const models = bench.models([hubEntry(bytes)], { environment: { ...environment, NO_PROXY: 'models.invalid' } });
    await models.remove('tiny');
    await failure(collect(models.pull('tiny')));
    expect(bench.hub.seen).toHaveLength(1);
  });

  it('stops endless redirects', async () => {
    bench.hub.answer(hubPath, { status: 302, headers: { location: hubPath } });
    expect((await failure(collect(bench.models([hubEntry(bytes)]).pull('tiny')))).message).toMatch(/redirects without end/u);
    expect(bench.hub.seen.length).toBeLessThan(10);
  });

  it('installs any GGUF by its hub address, and knows its task from its header', async () => {
    const embedder = tinyGguf({ architecture: 'bert', poolingType: 1 });
    bench.hub.answer('/owner/r/resolve/v1/sub/e.gguf', { bytes: embedder });
    const models = bench.models([]);
    const name = 'hf:owner/r@v1/sub/e.gguf';
    const events = await collect(models.pull(name));
    expect(events.filter(({ type }) => type === 'model-bytes').at(-1)).toMatchObject({ totalBytes: embedder.byteLength });
    expect(await models.resolve(name)).toMatchObject({ task: 'embedder', embedder: { dimensions: 16, pooling: 'mean' }, licence: 'mit' });
    await expect(models.resolve(name, { task: 'generator' })).rejects.toMatchObject({ code: 'E_MODEL_UNSUITABLE' });
    expect((await models.list()).map(({ id, installed }) => [id, installed])).toEqual([[name, true]]);
    expect((await models.remove(name)).bytes).toBe(embedder.byteLength);
    expect(await models.list()).toEqual([]);
  });

  it('installs nothing that is no model', async () => {
    bench.hub.answer(hubPath, { bytes: Buffer.from('<html>Please log in</html>') });
    const models = bench.models([]);
    expect((await failure(collect(models.pull('hf:o/r/model.gguf')))).message).toMatch(/does not begin with the letters GGUF|cut short/u);
    await expect(models.resolve('hf:o/r/model.gguf')).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
  });

  it('converts a BERT folder', async () => {
    const files = tinyBertFiles();
    for (const [name, content] of Object.entries(files)) bench.hub.answer(`/o/bert/resolve/main/${name}`, { bytes: content });
    const entry: CatalogueEntry = {
      ...hubEntry(bytes),
      task: 'embedder',
      embedder: { dimensions: 32, pooling: 'mean', queryPrefix: 'query: ', passagePrefix: '', maxInputTokens: 16, languages: ['en'] },
      sources: [
        {
          kind: 'hub',
          repository: 'o/bert',
          revision: 'main',
          files: Object.entries(files).map(([name, content]) => ({ name, path: name, bytes: content.byteLength, sha256: null })),
          making: { kind: 'convert-bert', type: 'F16', name: 'tiny' },
          product: { bytes: 30_000, sha256: null },
        },
      ],
    };
    const models = bench.models([entry]);
    const events = await collect(models.pull('tiny'));
    expect(events.map(({ type }) => type)).toContain('model-convert');
    expect(await models.resolve('tiny')).toMatchObject({ task: 'embedder', embedder: { queryPrefix: 'query: ' } });
    expect(await readdir(dirname((await models.resolve('tiny')).path))).toEqual(['tiny.gguf', 'tiny.gguf.json']);
  });
});
