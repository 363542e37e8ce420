import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../util/clock.ts';
import { entryPath } from '../util/entry.ts';
import type { Prey } from './fixtures/escaping-child.ts';
import { detectIsolation, type Isolation } from './isolation.ts';
import { startParserChild } from './parser-child.ts';
import { createDocumentParser } from './pool.ts';
import { responseHeader } from './answer-header.ts';
import { decodeDocument, encodeFrame } from './wire.ts';

const entry = fileURLToPath(new URL('fixtures/escaping-child.ts', import.meta.url));
const here: Isolation = await detectIsolation([entry]);
if (here.kind === 'process') process.stdout.write(`skipped: ${here.message}\n`);

const closing: (() => unknown)[] = [];
let datagrams = 0;
let folder = '';
let found: Prey;

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-isolation-')));
  writeFileSync(join(folder, 'secret'), 'the secret');
  const tcp = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  const abstractSocket = `millrace-${randomUUID()}`;
  const local = createServer((socket) => socket.destroy());
  if (process.platform === 'linux') local.listen(`\0${abstractSocket}`);
  closing.push(
    () => tcp.close(),
    () => local.close(),
  );
  const udp = createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const { port: udpPort } = udp.address();
  udp.on('message', () => (datagrams += 1));
  closing.push(() => udp.close());
  await new Promise((resolve) => (tcp.listening ? resolve(undefined) : tcp.once('listening', resolve)));
  const { port: tcpPort } = tcp.address() as AddressInfo;
  found = { secretPath: join(folder, 'secret'), folder, tcpPort, udpPort, abstractSocket, pid: process.pid };
});
afterAll(() => {
  for (const close of closing) close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a parser child got hold of that ran in the sandbox and without the permissions of Node.js, as native code would. */
async function escapes(sandbox: NonNullable<Isolation['sandbox']>): Promise<{ tried: number; succeeded: string[] }> {
  const child = startParserChild({
    entry,
    heapBytes: 128 * 1024 * 1024,
    sandbox: (command) => sandbox(command.filter((argument) => !/^--(?:permission|allow-)/.test(argument))),
  });
  try {
    const frame = await child.exchange(encodeFrame({ name: 'payload.txt' }, [Buffer.from(JSON.stringify(found))]), {
      maxAnswerBytes: 1_000_000,
      takePortion: () => Promise.resolve(),
    });
    if (frame === undefined) throw new Error((await child.ended).errorOutput);
    const response = responseHeader.parse(frame.header);
    if (response.outcome !== 'parsed') throw new Error(response.error.message);
    return JSON.parse((await decodeDocument(response.document, frame.payload)).text.slice()) as { tried: number; succeeded: string[] };
  } finally {
    child.kill();
    await child.ended;
  }
}

describe.skipIf(here.sandbox === undefined)('T28: a hostile parser child in bubblewrap', () => {
  it('gets at no file, process, program or socket outside', async () => {
    const inside = await escapes(here.sandbox!);
    expect(inside.succeeded).toEqual([]);
    expect(inside.tried).toBeGreaterThanOrEqual(20);
    expect(readdirSync(folder)).toEqual(['secret']);
    expect(datagrams).toBe(0);
    expect(existsSync(join(homedir(), '.millrace-escaped'))).toBe(false);
  });

  it('reads documents as it does without', async () => {
    for (const isolation of ['best', 'process'] as const) {
      const parser = createDocumentParser({ clock: systemClock, concurrency: 1, isolation });
      try {
        expect((await parser.isolation()).kind).toBe(isolation === 'best' ? 'bubblewrap' : 'process');
        const document = await parser.parse(
          { bytes: Buffer.from('# Mill\n\nThe wheel turns.\n'), name: 'a.md' },
          new AbortController().signal,
        );
        expect(document.text).toBe('Mill\n\nThe wheel turns.');
      } finally {
        await parser.close();
      }
    }
  });
});

describe('T28: a hostile parser child without bubblewrap', () => {
  it('is told of, and is kept from files, processes and programs by the permissions of Node.js', async () => {
    const parser = createDocumentParser({ clock: systemClock, concurrency: 1, isolation: 'process', childEntry: entry });
    try {
      expect((await parser.isolation()).message).toContain('in no sandbox');
      const request = { bytes: Buffer.from(JSON.stringify(found)), name: 'payload.txt' };
      const { succeeded } = JSON.parse((await parser.parse(request, new AbortController().signal)).text.slice()) as { succeeded: string[] };
      expect(succeeded.filter((name) => /^(?:write|make|change|empty|lay|start) /.test(name))).toEqual([]);
    } finally {
      await parser.close();
    }
  });
});

it.skipIf(process.platform !== 'linux')('says why there is no sandbox', async () => {
  expect(await detectIsolation([entry], [])).toEqual({ kind: 'process', message: expect.stringContaining('not installed') as string });
  const broken = await detectIsolation([entry], ['/bin/false']);
  expect(broken).toEqual({ kind: 'process', message: expect.stringContaining('does not work here: it ended with exit code 1.') as string });
});

it.skipIf(process.platform === 'win32')('finds out about bubblewrap also where something kills that alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bwrap-'));
  try {
    const program = join(folder, 'bwrap');
    writeFileSync(program, '#!/bin/sh\nsleep 600 &\nkill -9 $$\n', { mode: 0o700 });
    expect(await detectIsolation([entryPath('parse-child')], [program])).toMatchObject({ kind: 'process' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
