import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentParser } from '../spec/parser.ts';
import { systemClock } from '../util/clock.ts';
import { referringDocuments } from './fixtures/referring-documents.ts';
import { createDocumentParser } from './pool.ts';

/** Documents that refer to a file and to an address. Nobody may look there. */
describe('T19: references in documents', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-canary-'));
  const file = join(folder, 'canary.txt');
  let connections = 0;
  let server: Server;
  let parser: DocumentParser;

  beforeAll(async () => {
    writeFileSync(file, 'The canary sings.');
    server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    // Without bubblewrap, which would close the network whoever asked for it.
    parser = createDocumentParser({ clock: systemClock, concurrency: 1, isolation: 'process' });
  });
  afterAll(async () => {
    await parser.close();
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('are never followed: no file is read and no connection made', async () => {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    const read = new Map<string, string>();
    for (const [name, content] of Object.entries(referringDocuments(file, address))) {
      const { text } = await parser.parse({ bytes: Buffer.from(content as Uint8Array), name }, new AbortController().signal);
      read.set(name, text.slice());
    }
    for (const [name, text] of read) {
      expect(text, name).toContain('Text.');
      expect(text, name).not.toContain('canary sings');
    }
    expect(connections).toBe(0);
  });
});
