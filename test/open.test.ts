import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { open } from '../src/open.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-open-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('leaves nothing behind when it fails: the directory can be opened again', async () => {
  const options = { workingDirectory: folder, directory: 'record' };
  writeFileSync(join(folder, 'bad.js'), 'export default 1;');
  await expect(open({ ...options, formats: ['bad.js'] })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
  await expect(open({ ...options, ocr: 'no_such_language' })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
  const mill = await open(options);
  await mill.close();
});
