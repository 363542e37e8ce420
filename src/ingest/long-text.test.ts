import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFakeMill } from '../testing/open-fake-mill.ts';
import { systemClock } from '../util/clock.ts';
import { sha256 } from '../util/hash.ts';

const child = fileURLToPath(new URL('../../test/support/long-ingesting-child.ts', import.meta.url));
let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-long-'));
  file = join(folder, 'long.txt');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = () => openFakeMill({ directory: join(folder, 'data'), clock: systemClock });

/** A text of this length comes in several portions. UTF-16 units. */
const inPortions = 1.2 * 1024 * 1024;

/** Mostly white space, so that there is little to count. */
function longText(name: string, bytes: number): string {
  const lines: string[] = [];
  for (let length = 0; length < bytes; length += lines.at(-1)?.length ?? 0) {
    lines.push(
      `${name} ${lines.length} is ground by the mill at the wéir, sack by sack, as long as the river carries water to the wheel.${' '.repeat(1_200)}\n\n`,
    );
  }
  return lines.join('');
}

/** What is left of staged documents on the disk. */
function staged(): string[] {
  return readdirSync(join(folder, 'data')).filter((name) => name.includes('staged'));
}

async function requireWhole(mill: Awaited<ReturnType<typeof open>>, text: string): Promise<void> {
  const source = await mill.store.readSource('default', file);
  const document = source?.document ?? ('' as NonNullable<NonNullable<typeof source>['document']>);
  const record = await mill.store.readDocument(document);
  expect(record).toMatchObject({ textLength: text.length, textSha256: sha256(text) });
  const chunks = await mill.store.readChunks(await mill.store.listChunks(document));
  expect(chunks).toHaveLength(record?.chunks ?? 0);
  let covered = 0;
  for (const [number, chunk] of chunks.entries()) {
    expect(chunk.number).toBe(number);
    expect(chunk.text).toBe(text.slice(chunk.start, chunk.end));
    expect(text.slice(covered, chunk.start).trim()).toBe('');
    covered = chunk.end;
  }
  expect(text.slice(covered).trim()).toBe('');
  expect((await mill.verify()).problems).toEqual([]);
  expect(staged()).toEqual([]);
}

describe('a long text', () => {
  it('that is read bit by bit is on record whole, is left alone the second time, and gives way to its next version', async () => {
    const mill = await open();
    try {
      const first = longText('Barley', 8.5 * 1024 * 1024);
      writeFileSync(file, first);
      expect(await mill.ingest([file], { embed: false }).result()).toMatchObject({ indexed: 1, bytes: statSync(file).size });
      await requireWhole(mill, first);
      expect(await mill.ingest([file], { embed: false, reread: true }).result()).toMatchObject({ indexed: 0, skipped: 1 });
      const next = longText('Rye', inPortions);
      writeFileSync(file, next);
      expect(await mill.ingest([file], { embed: false }).result()).toMatchObject({ indexed: 1 });
      await requireWhole(mill, next);
      expect((await mill.store.collections())[0]).toMatchObject({ sources: 1, documents: 1 });
    } finally {
      await mill.close();
    }
  });

  it('leaves nothing behind when the call is cancelled while it is parsed', async () => {
    const mill = await open();
    try {
      const text = longText('Barley', inPortions);
      writeFileSync(file, text);
      const over = new AbortController();
      let added = 0;
      const stageDocument = mill.store.stageDocument.bind(mill.store);
      mill.store.stageDocument = () => {
        const document = stageDocument();
        return {
          ...document,
          add(portion) {
            added += 1;
            if (added === 4) over.abort();
            return document.add(portion);
          },
        };
      };
      await expect(mill.ingest([file], { embed: false, signal: over.signal }).result()).rejects.toMatchObject({ code: 'E_CANCELLED' });
      expect(added).toBeGreaterThan(3);
      expect(await mill.store.collections()).toEqual([]);
      expect(staged()).toEqual([]);
      expect(await mill.ingest([file], { embed: false }).result()).toMatchObject({ indexed: 1 });
      await requireWhole(mill, text);
    } finally {
      await mill.close();
    }
  });

  it.each([
    ['in the middle of staging', 'portion-staged:4', 'old'],
    ['when all is staged', 'document-parsed', 'old'],
    ['inside its transaction', 'chunks-inserted', 'old'],
    ['behind its commit', 'documents-acknowledged', 'new'],
  ] as const)('is on record as a whole when the process is killed %s; the next one completes it', async (_when, fault, expected) => {
    const old = longText('Barley', 200_000);
    const text = longText('Rye', inPortions);
    const before = await open();
    writeFileSync(file, old);
    await before.ingest([file], { embed: false }).result();
    await before.close();
    writeFileSync(file, text);
    const running = spawn(process.execPath, [child, join(folder, 'data'), file], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, MILLRACE_FAULT: fault },
    });
    expect(await new Promise((resolve) => running.once('close', (_code, signal) => resolve(signal)))).toBe('SIGKILL');
    // As a system leaves it that keeps the names of open files.
    writeFileSync(join(folder, 'data', 'record.staged-1'), 'left behind');
    const mill = await open();
    try {
      await requireWhole(mill, expected === 'old' ? old : text);
      const summary = await mill.ingest([file], { embed: false }).result();
      expect(summary).toMatchObject(expected === 'old' ? { indexed: 1 } : { skipped: 1 });
      await requireWhole(mill, text);
    } finally {
      await mill.close();
    }
  });
});
