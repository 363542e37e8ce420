import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createUnmetNames, readMetadataFile } from './metadata-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-metadata-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string) {
  writeFileSync(join(folder, 'm.jsonl'), text);
  return readMetadataFile('m.jsonl', folder);
}

describe('readMetadataFile', () => {
  it('gives title and metadata of every source', async () => {
    expect(await read('{"source":"a.pdf","title":"Lease","year":2024}\n\n{"source":"__proto__","open":true}\n')).toEqual({
      'a.pdf': { title: 'Lease', metadata: { year: 2024 } },
      ['__proto__']: { metadata: { open: true } },
    });
  });

  it('leaves out a byte order mark', async () => {
    expect(await read('\uFEFF{"source":"a.pdf","year":2024}\r\n')).toEqual({ 'a.pdf': { metadata: { year: 2024 } } });
  });

  it.each([
    ['{"source":"a"}\nnonsense', 'Line 2'],
    ['{"title":"no source"}', 'names no source'],
    ['{"source":"a","tags":["x"]}', 'not valid at "tags"'],
    ['{"source":"a","__proto__":"x"}', 'not valid at "__proto__"'],
  ])('says what is wrong with %j', async (text, message) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'E_INPUT_INVALID', message: expect.stringContaining(message) as string });
  });

  it('says that it is a folder', async () => {
    await expect(readMetadataFile('.', folder)).rejects.toMatchObject({ code: 'E_SOURCE_UNREADABLE' });
  });

  it('says that there is no such file', async () => {
    await expect(readMetadataFile('none.jsonl', folder)).rejects.toMatchObject({ code: 'E_SOURCE_MISSING' });
  });
});

describe('createUnmetNames', () => {
  it('tells a name that no source of the call has', () => {
    const unmet = createUnmetNames(['a.pdf', 'row', 'typo.pdf'], folder);
    unmet.meet(join(folder, 'a.pdf'));
    expect(unmet.describe()).toContain('named row and 1 more,');
    unmet.meet('row');
    expect(unmet.describe()).toContain('named typo.pdf,');
    unmet.meet(join(folder, 'typo.pdf'));
    expect(unmet.describe()).toBeUndefined();
  });
});
