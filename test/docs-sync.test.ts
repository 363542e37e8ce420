import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generatePages } from '../scripts/docs.ts';
import { configSchema, configSettings } from '../src/config.ts';
import { errorCatalogue } from '../src/errors.ts';

const pages = await generatePages();
const read = (file: string): string => {
  const url = new URL(`../${file}`, import.meta.url);
  return existsSync(url) ? readFileSync(url, 'utf8') : '';
};

describe('the reference equals the code', () => {
  it.each(pages.map(({ file, text }) => [file, text] as const))('%s (write it again with "npm run docs")', (file, text) => {
    expect(read(file)).toBe(text);
  });
});

describe('what the reference is made from', () => {
  it('has a setting in the table for every key of the schema, and the other way round', () => {
    expect(configSettings.map(({ name }) => name).toSorted()).toEqual(Object.keys(configSchema.shape).toSorted());
  });

  it('gives every error a meaning and a remedy that are sentences', () => {
    const broken = Object.entries(errorCatalogue).flatMap(([code, { meaning, remedy }]) =>
      [meaning, remedy].filter((text) => !/^[A-Z].*\.$/.test(text)).map((text) => `${code}: ${text}`),
    );
    expect(broken).toEqual([]);
  });

  it('names codes E_NOUN_REASON', () => {
    expect(Object.keys(errorCatalogue).filter((code) => !/^E(_[A-Z]+)+$/.test(code))).toEqual([]);
  });

  it('tells every documented error code apart from one that does not exist', () => {
    const known = new Set<string>(Object.keys(errorCatalogue));
    const mentioned = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'].flatMap(
      (file) => read(file).match(/\bE(?:_[A-Z]+){1,}\b/g) ?? [],
    );
    expect(mentioned.filter((code) => !known.has(code))).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  const text = read('ARCHITECTURE.md');
  const files = ['bin', 'src', 'test'].flatMap((folder) =>
    readdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file.replaceAll('\\', '/')}`,
    ),
  );

  it('names files that there are', () => {
    // What a place is called, not what is called like `*.ts` or ends a word.
    const named = text.match(/(?<![\w*./-])[a-z][\w/-]*\.(?:ts|js)\b/g) ?? [];
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)))).toEqual([]);
  });

  it('names every folder of the source, and every file that is in none', () => {
    const parts = readdirSync(new URL('../src', import.meta.url)).filter((name) => !name.endsWith('.test.ts'));
    expect(parts.filter((name) => !text.includes(name))).toEqual([]);
  });
});
