import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema, configSettings, loadConfig } from './config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('loadConfig', () => {
  it('takes defaults, file, environment and flags, the last one winning', async () => {
    const load = (environment: Record<string, string>, flags: Record<string, unknown>) =>
      loadConfig({ environment, flags, workingDirectory: folder });
    expect(await load({}, {})).toMatchObject({ directory: '.millrace', collection: 'default', embedder: 'minilm-l6' });
    await writeFile(join(folder, 'millrace.json'), '\uFEFF{"maxTokens": 50, "collection": "a", "threads": 3}');
    expect(await load({ MILLRACE_MAX_TOKENS: '60', MILLRACE_COLLECTION: 'b' }, { collection: 'c', model: undefined })).toMatchObject({
      threads: 3,
      maxTokens: 60,
      collection: 'c',
    });
  });

  it('names the setting and its origin when a value is not allowed', async () => {
    await expect(loadConfig({ environment: { MILLRACE_THREADS: 'many' }, workingDirectory: folder })).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
      message: expect.stringMatching(/"threads" in the environment is not valid: it takes a number\./) as string,
    });
    await writeFile(join(folder, 'millrace.json'), '{"tread": 3}');
    await expect(loadConfig({ environment: {}, workingDirectory: folder })).rejects.toThrow(
      /"tread" in .*millrace\.json.* no such setting/,
    );
    await writeFile(join(folder, 'millrace.json'), '[1');
    await expect(loadConfig({ environment: {}, workingDirectory: folder })).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
  });

  it('has one row in the table for every setting', () => {
    expect(configSettings.map(({ name }) => name).sort()).toEqual(Object.keys(configSchema.shape).sort());
  });
});
