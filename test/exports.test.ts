import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/**
 * The public names of the package. A change of `test/exports/*.txt` is a change of the interface: it belongs into CHANGELOG.md.
 * `npm test -- test/exports.test.ts -u` writes the files again.
 */
const modules = { millrace: 'src/index.ts', 'millrace/testing': 'src/testing/index.ts' };

describe.each(Object.entries(modules))('%s', (name, file) => {
  const url = new URL(`../${file}`, import.meta.url);

  it.skipIf(!existsSync(url))('exports exactly the recorded names', async () => {
    const names = publicNames(readFileSync(url, 'utf8'));
    const list = names.map(({ name: exported, isType }) => `${isType ? 'type' : 'value'} ${exported}`).sort();
    await expect(`${list.join('\n')}\n`).toMatchFileSnapshot(`exports/${name.replace('/', '-')}.txt`);
  });

  it.skipIf(!existsSync(url))('names every export and gives what it names', async () => {
    const text = readFileSync(url, 'utf8');
    expect(text).not.toMatch(/^export \* /m);
    expect(text).not.toMatch(/^export default/m);
    const values = publicNames(text).filter(({ isType }) => !isType);
    const loaded = (await import(url.href)) as Record<string, unknown>;
    expect(Object.keys(loaded).sort()).toEqual(values.map(({ name: exported }) => exported).sort());
  });
});

describe('publicNames', () => {
  it('reads lists, renames, types and declarations', () => {
    const text = [
      "export { a, b as c, type D } from './x.ts';",
      "export type { E } from './y.ts';",
      'export function f() {}',
      'export interface G {}',
      'export const h = 1;',
    ].join('\n');
    expect(publicNames(text).map(({ name, isType }) => (isType ? `type ${name}` : name))).toEqual([
      'a',
      'c',
      'type D',
      'type E',
      'f',
      'type G',
      'h',
    ]);
  });
});

function publicNames(text: string): { readonly name: string; readonly isType: boolean }[] {
  const found: { at: number; name: string; isType: boolean }[] = [];
  for (const match of text.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const item of (match[2] ?? '').split(',').map((part) => part.trim())) {
      if (item === '') continue;
      const words = item.split(/\s+/);
      found.push({ at: match.index, name: words.at(-1) ?? '', isType: match[1] !== undefined || words[0] === 'type' });
    }
  }
  for (const match of text.matchAll(/^export (?:declare )?(?:async )?(const|function\*?|class|interface|type) (\w+)/gm)) {
    found.push({ at: match.index, name: match[2] ?? '', isType: match[1] === 'interface' || match[1] === 'type' });
  }
  return found.toSorted((a, b) => a.at - b.at).map(({ name, isType }) => ({ name, isType }));
}
