import { afterEach, describe, expect, it } from 'vitest';
import { openParser } from '../open-parser.ts';
import type { DocumentParser } from '../spec/parser.ts';
import { loadFormatModules } from './format-modules.ts';

const open: DocumentParser[] = [];
const workingDirectory = new URL('fixtures/', import.meta.url).pathname;

afterEach(async () => {
  await Promise.all(open.splice(0).map((parser) => parser.close()));
});

const data = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

describe('formats of the program', () => {
  it('are run in the parser process, and listed with their versions', async () => {
    const parser = await openParser({ concurrency: 1, formats: ['own-format.ts'], workingDirectory });
    open.push(parser);
    expect(parser.formats).toContainEqual({ name: 'reversed-lines', version: 3, isContainer: false });
    const bytes = Buffer.concat([Buffer.from([0, 1, 2, 3]), Buffer.from('one\ntwo')]);
    const document = await parser.parse({ bytes, name: 'a.rev' }, new AbortController().signal);
    expect(document).toMatchObject({ parser: 'reversed-lines', parserVersion: 3, contentType: 'application/x-reversed' });
    const [, pid] = /^two\none \((\d+), \d\)$/.exec(document.text.slice()) ?? [];
    expect(pid).toBeDefined();
    expect(Number(pid)).not.toBe(process.pid);
  });

  it.each([
    ['what does not exist', 'file:///nowhere.js', /cannot be loaded/],
    ['no default export', data('export const x = 1;'), /not valid at its default export/],
    ['no version', data('export default { name: "x", contentTypes: ["a/b"], parse() {} };'), /not valid at version/],
    ['no function', data('export default [{ name: "x", version: 1, contentTypes: ["a/b"], parse: 1 }];'), /not valid at parse/],
  ])('are refused at once: %s', async (_what, module, message) => {
    await expect(loadFormatModules([module])).rejects.toMatchObject({ code: 'E_INPUT_INVALID', message: expect.stringMatching(message) });
  });
});
