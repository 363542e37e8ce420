import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from './catalogue.ts';
import { parseModelName } from './model-name.ts';
import { defaultModelsHome, modelPaths } from './models-home.ts';

const parse = (name: string) => parseModelName(name, catalogue, '/folder');

describe('parseModelName', () => {
  it('knows ids, whatever their case', () => {
    expect(parse('MiniLM-L6')).toMatchObject({ kind: 'entry', entry: { id: 'minilm-l6' } });
  });

  it('takes files and folders as paths', () => {
    expect(parse('weights.gguf')).toMatchObject({ kind: 'path', path: '/folder/weights.gguf' });
    expect(parse('../a/b.GGUF')).toMatchObject({ kind: 'path', path: '/a/b.GGUF' });
  });

  it('reads hub addresses with folder and revision', () => {
    expect(parse('hf:Owner/Repo.x/file.gguf')).toMatchObject({
      address: { repository: 'Owner/Repo.x', revision: 'main', path: 'file.gguf' },
    });
    expect(parse('hf:o/r@v1.2/sub/file.gguf')).toMatchObject({ address: { repository: 'o/r', revision: 'v1.2', path: 'sub/file.gguf' } });
  });

  it.each([
    'hf:o/r',
    'hf:o/r/file.bin',
    'hf:o/r/../../x.gguf',
    'hf:../r/x.gguf',
    'hf:o/../x.gguf',
    'hf:o/r@../x.gguf',
    'hf://host/x.gguf',
    'hf:o/r/a\\b.gguf',
  ])('refuses the address %s', (name) => {
    expect(() => parse(name)).toThrow(expect.objectContaining({ code: 'E_MODEL_UNKNOWN' }));
  });

  it('names what is near', () => {
    expect(() => parse('qwen2.5-coder-1.5')).toThrow(/Did you mean qwen2\.5-coder-1\.5b/u);
    expect(() => parse('minilm')).toThrow(/minilm-l6/u);
    expect(() => parse('zzzzzzzzzzzz')).toThrow(/^There is no model called "zzzzzzzzzzzz"\.$/u);
  });
});

describe('defaultModelsHome', () => {
  it('follows MILLRACE_HOME, then the platform', () => {
    expect(defaultModelsHome({ MILLRACE_HOME: '/m' }, 'linux', '/home/u')).toBe('/m');
    expect(defaultModelsHome({ XDG_CACHE_HOME: '/c' }, 'linux', '/home/u')).toBe(join('/c', 'millrace'));
    expect(defaultModelsHome({}, 'linux', '/home/u')).toBe(join('/home/u', '.cache', 'millrace'));
    expect(defaultModelsHome({}, 'darwin', '/Users/u')).toBe(join('/Users/u', 'Library', 'Caches', 'millrace'));
    expect(defaultModelsHome({ LOCALAPPDATA: 'L' }, 'win32', 'U')).toBe(join('L', 'millrace'));
  });

  it('keeps hub files of different repositories and revisions apart', () => {
    const paths = modelPaths('/home');
    const address = { repository: 'o/r', revision: 'main', path: 'a/x.gguf' };
    expect(paths.fromHub(address)).toBe(join('/home', 'models', 'hub', 'o', 'r', 'a', 'x.gguf'));
    expect(paths.fromHub({ ...address, revision: 'v/1' })).toBe(join('/home', 'models', 'hub', 'o', 'r', '@v_1', 'a', 'x.gguf'));
  });
});
