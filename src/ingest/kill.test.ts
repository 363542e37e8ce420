import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIngestBench, ofType } from '../../test/support/ingest-bench.ts';
import type { IngestEvent } from '../spec/events.ts';
import { describeIndexing, indexingSetting } from '../spec/indexing.ts';
import { openStore } from '../store/open-store.ts';
import { systemClock } from '../util/clock.ts';
import { systemRandom } from '../util/random.ts';

const child = fileURLToPath(new URL('../../test/support/ingesting-child.ts', import.meta.url));
const documents = 24;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'));
  mkdirSync(join(folder, 'docs'));
  for (let index = 0; index < documents; index += 1) {
    const path = join(folder, 'docs', `${index}.txt`);
    writeFileSync(path, `Text number ${index} tells about the mill by the river. `.repeat(4));
    utimesSync(path, 1_700_000_000, 1_700_000_000);
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Lets a process ingest and die at the given event. Gives what it had told until then. */
async function ingestUntil(type: IngestEvent['type'], count: number): Promise<IngestEvent[]> {
  const args = [child, join(folder, 'directory'), join(folder, 'docs'), type, String(count)];
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => running.once('close', (_code, signal) => resolve(signal)));
  const events: IngestEvent[] = [];
  for await (const line of createInterface({ input: running.stdout })) events.push(JSON.parse(line) as IngestEvent);
  expect(await ended).toBe('SIGKILL');
  return events;
}

describe('a process killed while it ingests', () => {
  it.each<[IngestEvent['type'], number]>([
    ['ingest-start', 1],
    ['document-found', 9],
    ['document-committed', 1],
    ['document-committed', 14],
    ['vectors-committed', 2],
  ])('at %s number %i loses nothing that it acknowledged; a repeat completes it without duplicates', async (type, count) => {
    const told = await ingestUntil(type, count);
    expect(told.at(-1)?.type).toBe(type);
    const directory = join(folder, 'directory');
    const reader = await openStore({ directory, mode: 'read', clock: systemClock, random: systemRandom, readers: 1 });
    // Nobody has written since: the record itself still says that it goes on.
    const noted = await reader.readSetting(indexingSetting('default'));
    expect(noted).toEqual(type === 'ingest-start' ? undefined : expect.objectContaining({ state: 'interrupted' }));
    // What it committed after its last note is on record: no figure may deny it.
    expect(describeIndexing(noted) ?? '').not.toContain('are read');
    await reader.close();
    const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom });
    const bench = createIngestBench({ store });
    try {
      for (const { source, document, chunks } of ofType(told, 'document-committed')) {
        const known = await store.readSource('default', source);
        expect(known?.document).toBe(document);
        expect((await store.readDocument(document as NonNullable<typeof known>['document'] & string))?.chunks).toBe(chunks);
      }
      const [status] = await store.collections();
      const embedded = ofType(told, 'vectors-committed').reduce((sum, { chunks }) => sum + chunks, 0);
      expect(status?.embedded[bench.embedder.model.hash] ?? 0).toBeGreaterThanOrEqual(embedded);

      const summary = await bench.start([join(folder, 'docs')]).result();
      expect(summary).toMatchObject({ found: documents, failed: 0 });
      expect(summary.skipped).toBeGreaterThanOrEqual(ofType(told, 'document-committed').length);
      expect(Object.keys(await bench.texts())).toHaveLength(documents);
      const [whole] = await store.collections();
      // Every document has the same number of chunks.
      expect((whole?.chunks ?? 0) % documents).toBe(0);
      expect(whole).toMatchObject({ sources: documents, documents });
      await bench.requireWhole();
    } finally {
      await bench.close();
      await store.close();
    }
  });
});
