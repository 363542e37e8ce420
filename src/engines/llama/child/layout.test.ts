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
import { findLibraryDirectory, openLibrary } from './library.ts';

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

  it('structs have the sizes that the C compiler gives the header on 64-bit platforms', () => {
    const layouts = [modelParametersLayout, contextParametersLayout, quantiseParametersLayout, batchLayout, tokenArrayLayout];
    expect(layouts.map((layout) => koffi.sizeof(koffi.struct({ ...layout })))).toEqual([80, 160, 64, 56, 32]);
  });
});
