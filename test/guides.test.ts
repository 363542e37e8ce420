import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../src/errors.ts';
import { answerEvent, stageTimings } from '../src/spec/answers.ts';
import { ingestEvent } from '../src/spec/events.ts';
import { withoutModels } from './model/models.ts';

/** The guides name only what exists, and their program runs. */
const root = fileURLToPath(new URL('../', import.meta.url));
const folder = path.join(root, 'docs/guides');
const guides = readdirSync(folder).map((file) => ({ file, text: readFileSync(path.join(folder, file), 'utf8') }));
const guide = (name: string): string => guides.find(({ file }) => file === name)?.text ?? '';

/** command → its options, from the reference, which another test keeps equal to the code. */
function readCommands(): Map<string, Set<string>> {
  const reference = readFileSync(path.join(root, 'docs/reference/cli.md'), 'utf8');
  return new Map(
    reference.split(/^## millrace /m).map((section) => {
      const name = section.slice(0, section.indexOf('\n')).trim();
      return [name, new Set(section.match(/(?<=^ {2}.*)--?[a-z][a-z-]*/gm))];
    }),
  );
}

describe('the guides', () => {
  const commands = readCommands();

  it.each(guides)('$file shows commands and options that exist', ({ text }) => {
    const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'));
    const inline = [...text.matchAll(/`(millrace [^`]+)`/g)].map(([, command = '']) => command);
    const broken = [...lines, ...inline]
      .filter((line) => line.startsWith('millrace '))
      .flatMap((line) => {
        const words = line.replaceAll(/"[^"]*"/g, '').split(/\s+/);
        const [, first = '', second = ''] = words;
        const options = commands.get(`${first} ${second}`) ?? commands.get(first);
        if (options === undefined) return [`${line}: there is no such command`];
        return words.filter((word) => word.startsWith('-') && !options.has(word)).map((word) => `${line}: there is no option ${word}`);
      });
    expect(broken).toEqual([]);
  });

  it.each(guides)('$file names codes, options and files that exist', ({ text }) => {
    const codes = [...text.matchAll(/\bE(?:_[A-Z]+)+\b/g)].map(([code]) => code).filter((code) => !(code in errorCatalogue));
    const files = [...text.matchAll(/\]\(([^)#:]+)\)/g)]
      .map(([, file = '']) => file)
      .filter((file) => !existsSync(path.join(folder, file)));
    const known = new Set([...commands.values()].flatMap((options) => [...options]));
    const options = [...text.matchAll(/`(--[a-z-]+)`/g)].map(([, option = '']) => option).filter((option) => !known.has(option));
    expect({ codes, files, options }).toEqual({ codes: [], files: [], options: [] });
  });

  it('tell every event and every timing', () => {
    const types = (event: typeof ingestEvent | typeof answerEvent) => event.options.map(({ shape }) => shape.type.value);
    expect(types(ingestEvent).filter((type) => !guide('ingestion.md').includes(`\`${type}\``))).toEqual([]);
    expect(types(answerEvent).filter((type) => !guide('answering.md').includes(`\`${type}\``))).toEqual([]);
    expect(Object.keys(stageTimings.shape).filter((name) => !guide('answering.md').includes(`\`${name}\``))).toEqual([]);
  });

  it.skipIf(withoutModels)(
    'have a first program that runs',
    async () => {
      const directory = mkdtempSync(path.join(tmpdir(), 'millrace-guides-'));
      try {
        const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(guide('getting-started.md')) ?? [];
        const child = spawn(
          process.execPath,
          [
            '--conditions=millrace-source',
            '--input-type=module-typescript',
            '-e',
            program.replace("'.millrace'", JSON.stringify(path.join(directory, 'd'))),
          ],
          { cwd: root },
        );
        let out = '';
        let error = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
        child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text));
        expect(await once(child, 'close'), error).toEqual([0, null]);
        expect(out).toBe('note-1 The ferry leaves at 7:40.\n“The ferry leaves at 7:40.” [1] The ferry leaves at 7:40.\n');
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
    120_000,
  );
});
