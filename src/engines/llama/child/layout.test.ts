import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import {
  batchLayout,
  contextParametersLayout,
  differingMembers,
  modelParametersLayout,
  quantiseParametersLayout,
  tokenArrayLayout,
} from './layout.ts';
import { findLibraryDirectory, loadBackends, openLibrary } from './library.ts';
import { checkThreadPoolDefaults, createThreadPools, threadPoolLayout } from './thread-pool.ts';

describe('library', () => {
  it('is found for this platform, has every function and the pinned layout', () => {
    const library = openLibrary(findLibraryDirectory());
    expect(library.version).toMatch(/\d/);
    expect(differingMembers('llama_context_default_params', library.contextDefaults())).toEqual([]);
  });

  it('is refused by name of the member when a default differs', () => {
    const library = openLibrary(findLibraryDirectory());
    expect(differingMembers('llama_context_default_params', { ...library.contextDefaults(), n_ubatch: 0, swa_full: false })).toEqual([
      'n_ubatch',
      'swa_full',
    ]);
    expect(differingMembers('llama_model_default_params', { ...library.modelDefaults(), kv_overrides: 1n })).toEqual(['kv_overrides']);
  });

  it('is named as missing on platforms without one', () => {
    expect(() => findLibraryDirectory('sunos', 'x64')).toThrowError(expect.objectContaining({ code: 'E_PLATFORM_UNSUPPORTED' }));
  });

  it('gives one pool of threads to all contexts of the same number of threads', () => {
    const directory = findLibraryDirectory();
    loadBackends(directory);
    const attached: bigint[][] = [];
    const [ggml, base] = ['ggml', 'ggml-base'].map((stem) =>
      koffi.load(join(directory, readdirSync(directory).find((name) => new RegExp(`^(lib)?${stem}\\.`).test(name)) ?? stem)),
    );
    const attachThreads = createThreadPools(ggml!, base!, (...pointers) => void attached.push(pointers));
    attachThreads(1n, 2);
    attachThreads(2n, 2);
    attachThreads(3n, 1);
    expect(attached.map(([context]) => context)).toEqual([1n, 2n, 3n]);
    const pools = attached.map(([, pool]) => pool);
    expect(pools[1]).toBe(pools[0]);
    expect(pools[2]).not.toBe(pools[0]);
    expect(attached.every(([, pool, promptPool]) => pool === promptPool && pool !== 0n)).toBe(true);
  });

  it('refuses another layout of the pool', () => {
    const parameters = { cpumask: [false], n_threads: 2, prio: 0, poll: 50, strict_cpu: false, paused: false };
    expect(() => checkThreadPoolDefaults(parameters, 2)).not.toThrow();
    expect(() => checkThreadPoolDefaults({ ...parameters, poll: 0 }, 2)).toThrowError(
      expect.objectContaining({ code: 'E_ENGINE_LIBRARY' }),
    );
    expect(() => checkThreadPoolDefaults(parameters, 3)).toThrowError(expect.objectContaining({ code: 'E_ENGINE_LIBRARY' }));
  });

  it('structs have the sizes that the C compiler gives the header on 64-bit platforms', () => {
    const layouts = [
      modelParametersLayout,
      contextParametersLayout,
      quantiseParametersLayout,
      batchLayout,
      tokenArrayLayout,
      threadPoolLayout,
    ];
    expect(layouts.map((layout) => koffi.sizeof(koffi.struct({ ...layout })))).toEqual([80, 160, 64, 56, 32, 528]);
  });
});
