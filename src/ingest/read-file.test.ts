import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../util/hash.ts';
import { lookAtFile, type ReadContent } from './read-file.ts';

const never = new AbortController().signal;

async function textOf({ bytes }: ReadContent): Promise<string> {
  const slices: Buffer[] = [];
  for await (const slice of bytes instanceof Uint8Array ? [bytes] : bytes.read(never)) slices.push(Buffer.from(slice));
  return Buffer.concat(slices).toString('utf8');
}

let folder = '';
let server: Server | undefined;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-read-')));
});
afterEach(async () => {
  const open = server;
  server = undefined;
  if (open !== undefined) await new Promise((resolve) => open.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A signal during whose first question something happens to the file. */
function during(act: () => void): AbortSignal {
  let acted = false;
  return new Proxy(never, {
    get(target, property) {
      if (property !== 'throwIfAborted') return Reflect.get(target, property) as unknown;
      return () => {
        if (!acted) act();
        acted = true;
      };
    },
  });
}

describe('lookAtFile', () => {
  it('gives size and time, then the bytes with their hash', async () => {
    const path = write('a.txt', 'Some text.');
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    const looked = await lookAtFile(path, folder);
    expect(looked).toMatchObject({ size: 10, mtime: 1_700_000_000_000 });
    const content = await looked.read(never);
    expect(await textOf(content)).toBe('Some text.');
    expect(content.sha256).toBe(sha256('Some text.'));
  });

  it('reads a file of several slices', async () => {
    const text = 'x'.repeat(9 * 1024 * 1024);
    const looked = await lookAtFile(write('large.txt', text), folder);
    expect((await looked.read(never)).sha256).toBe(sha256(text));
  });

  it('reads an empty file', async () => {
    expect((await (await lookAtFile(write('empty.txt', ''), folder)).read(never)).bytes).toHaveLength(0);
  });

  it.each<[string, (path: string) => void]>([
    ['grew', (path) => appendFileSync(path, ' More.')],
    ['was cut', (path) => truncateSync(path, 3)],
    [
      'was replaced by another of the same size and time',
      (path) => {
        writeFileSync(`${path}.new`, 'Other text');
        utimesSync(`${path}.new`, 1_700_000_000, 1_700_000_000);
        renameSync(`${path}.new`, path);
      },
    ],
    [
      'was written to in place',
      (path) => {
        writeFileSync(path, 'Other text');
        utimesSync(path, 1_700_000_001, 1_700_000_001);
      },
    ],
  ])('refuses a file that %s, before or while it is read', async (_what, change) => {
    for (const when of ['before', 'while'] as const) {
      const path = write(`${when}.txt`, 'Some text.');
      utimesSync(path, 1_700_000_000, 1_700_000_000);
      const looked = await lookAtFile(path, folder);
      if (when === 'before') change(path);
      const reading = looked.read(when === 'while' ? during(() => change(path)) : never);
      await expect(reading).rejects.toMatchObject({
        code: 'E_SOURCE_CHANGED',
        message: `The file ${path} changed while it was being read.`,
      });
    }
  });

  it('says that a file is gone', async () => {
    const path = write('a.txt', 'Some text.');
    const looked = await lookAtFile(path, folder);
    rmSync(path);
    const gone = { code: 'E_SOURCE_MISSING', message: `The file ${path} does not exist any more.` };
    await expect(looked.read(never)).rejects.toMatchObject(gone);
    await expect(lookAtFile(path, folder)).rejects.toMatchObject(gone);
  });

  it('refuses a link that leads out of its folder, and reads one that stays inside', async () => {
    mkdirSync(join(folder, 'inside'));
    const target = write('inside/a.txt', 'Some text.');
    const outside = write('outside.txt', 'A secret.');
    symlinkSync(outside, join(folder, 'inside', 'out.txt'));
    symlinkSync(target, join(folder, 'inside', 'in.txt'));
    await expect(lookAtFile(join(folder, 'inside', 'out.txt'), join(folder, 'inside'))).rejects.toMatchObject({
      code: 'E_SOURCE_UNREADABLE',
      message: expect.stringContaining('is a link that leads out of') as string,
    });
    await expect(lookAtFile(join(folder, 'inside', 'in.txt'), join(folder, 'inside'))).resolves.toMatchObject({ size: 10 });
    // Swapped under the eyes of who reads it: a link when it is looked at and opened, a folder whenever its place is asked.
    mkdirSync(join(folder, 'inside', 'sub'));
    write('inside/sub/outside.txt', 'Some text.');
    const [sub, aside] = [join(folder, 'inside', 'sub'), join(folder, 'aside')];
    renameSync(sub, aside);
    symlinkSync(folder, sub);
    const swapped = await lookAtFile(join(sub, 'outside.txt'), join(folder, 'inside'));
    rmSync(sub);
    renameSync(aside, sub);
    const swap = during(() => {
      renameSync(sub, aside);
      symlinkSync(folder, sub);
    });
    await expect(swapped.read(swap)).rejects.toMatchObject({ code: expect.stringMatching(/^E_SOURCE_(?:CHANGED|UNREADABLE)$/) as string });
    const dots = write('inside/..a.txt', 'Some text.');
    const { bytes } = await (await lookAtFile(dots, join(folder, 'inside'))).read(never);
    expect(bytes).toHaveLength(10);
  });

  it('reads a file whose place the system spells in another way, below its folder', async () => {
    mkdirSync(join(folder, 'inside', 'Sub'), { recursive: true });
    const path = write('inside/Sub/a.txt', 'Some text.');
    const looked = await lookAtFile(path, join(folder, 'inside'));
    const respell = (name: string, other: string) => {
      renameSync(join(folder, name), join(folder, other));
      symlinkSync(join(folder, other), join(folder, name));
    };
    const content = await looked.read(during(() => respell('inside/Sub', 'inside/sub')));
    expect(await textOf(content)).toBe('Some text.');
    rmSync(join(folder, 'inside/Sub'));
    renameSync(join(folder, 'inside/sub'), join(folder, 'inside/Sub'));
    const again = await looked.read(during(() => respell('inside', 'Inside')));
    expect(await textOf(again)).toBe('Some text.');
  });

  it.each<[string, string, (path: string) => void | Promise<void>]>([
    ['folder', 'a folder', (path) => mkdirSync(path)],
    ['pipe', 'a named pipe', (path) => void execFileSync('mkfifo', [path])],
    [
      'socket',
      'a socket',
      async (path) => {
        server = createServer();
        await new Promise<void>((resolve) => server?.listen(path, resolve));
      },
    ],
    ['device', 'a device', () => undefined],
  ])('refuses what is not a regular file without opening it: %s', async (name, what, make) => {
    if (process.platform === 'win32') return;
    const path = name === 'device' ? '/dev/null' : join(folder, name);
    await make(path);
    await expect(lookAtFile(path, join(path, '..'))).rejects.toMatchObject({
      code: 'E_SOURCE_UNREADABLE',
      message: `${path} is ${what}, not a regular file.`,
    });
  });

  it('does not wait at a pipe that took the place of a file', async () => {
    if (process.platform === 'win32') return;
    const path = write('a.txt', 'Some text.');
    const looked = await lookAtFile(path, folder);
    rmSync(path);
    execFileSync('mkfifo', [path]);
    await expect(looked.read(never)).rejects.toMatchObject({ code: 'E_SOURCE_UNREADABLE' });
  });

  it.skipIf(process.getuid?.() === 0)('says that a file may not be read', async () => {
    const path = write('a.txt', 'Some text.');
    chmodSync(path, 0);
    const looked = await lookAtFile(path, folder);
    await expect(looked.read(never)).rejects.toMatchObject({
      code: 'E_SOURCE_UNREADABLE',
      message: `The file ${path} cannot be read (EACCES).`,
    });
  });

  it('ends with the reason of an abort', async () => {
    const looked = await lookAtFile(write('a.txt', 'Some text.'), folder);
    await expect(looked.read(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});
