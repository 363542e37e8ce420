import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { referringDocuments } from '../../src/parse/fixtures/referring-documents.ts';

const child = fileURLToPath(new URL('../support/parsing-child.ts', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));
const works = spawnSync('strace', ['-f', '-qq', '-e', 'trace=none', 'true']).status === 0;
if (!works) process.stdout.write('skipped: strace is not there or may not trace\n');

let root = '';
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-references-')));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What a process on Linux opens by itself, and the code that it runs. */
const isOwn = (path: string): boolean =>
  [repository, dirname(dirname(realpathSync(process.execPath))), '/usr/', '/lib', '/proc/', '/sys/', '/dev/null', '/dev/urandom'].some(
    (place) => path.startsWith(place),
  ) || /^\/etc\/(?:ld\.so\.|localtime|nsswitch\.conf|ssl\/openssl\.cnf)/.test(path);

describe.skipIf(!works)('T19: documents that refer to files and addresses, seen by the operating system', () => {
  it('let the processes that read them open no file and no connection', async () => {
    const secrets = join(root, 'secrets');
    const documents = join(root, 'documents');
    mkdirSync(secrets);
    mkdirSync(documents);
    writeFileSync(join(secrets, 'canary.txt'), 'The canary sings.');
    const names: string[] = [];
    for (const [of, file] of [
      ['canary', join(secrets, 'canary.txt')],
      ['zero', '/dev/zero'],
      ['passwd', '/etc/passwd'],
    ] as const) {
      for (const [name, content] of Object.entries(referringDocuments(file, 'http://127.0.0.1:9/x'))) {
        names.push(join(documents, `${of}-${name}`));
        writeFileSync(names.at(-1) ?? '', content);
      }
    }
    const trace = join(root, 'trace');
    const calls = 'trace=open,openat,openat2,connect,sendto,sendmsg,socket';
    const reading = spawn('strace', ['-f', '-qq', '-s', '4096', '-o', trace, '-e', calls, process.execPath, child, ...names], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [said, error] = await Promise.all([text(reading.stdout), text(reading.stderr)]);
    expect(
      said.split('\n').filter((line) => line.includes('Text.')),
      error,
    ).toHaveLength(names.length);
    expect(said).not.toContain('canary sings');

    const lines = readFileSync(trace, 'utf8').split('\n');
    expect(lines.filter((line) => /AF_INET|sa_family=AF_UNIX/.test(line))).toEqual([]);
    const opened = lines.flatMap((line) => /open(?:at2?)?\([^"]*"([^"]+)".* = \d+/.exec(line)?.[1] ?? []);
    const foreign = opened.filter((path) => path.startsWith('/') && !isOwn(path) && !path.startsWith(`${documents}/`));
    expect(foreign).toEqual([]);
    // The trace shows what is opened at all.
    expect(opened.filter((path) => path.startsWith(`${documents}/`)).length).toBe(names.length);
  }, 180_000);
});
