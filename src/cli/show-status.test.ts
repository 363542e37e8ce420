import { expect, it } from 'vitest';
import { describeStatus, type ShownStatus } from './show-status.ts';

const unused = { items: 0, bytes: 0, hits: 0, misses: 0, shared: 0 };
const status = {
  directory: '/docs/.millrace',
  writable: false,
  promptVersion: 1,
  collections: [],
  embedder: null,
  generator: null,
  generators: [],
  lanes: [],
  caches: { queryEmbeddings: unused, retrieval: unused, answers: unused },
  activity: null,
  prefixes: null,
  runs: [],
} satisfies ShownStatus;

it('shows nothing of a process where none works', () => {
  expect(describeStatus(status)).toBe('/docs/.millrace\nNo documents yet.\n');
});

it('shows lanes, engine and process of the one that works', () => {
  const settled = { done: 30, failed: 1, cancelled: 0, expired: 0, refused: 2 };
  const text = describeStatus({
    ...status,
    activity: {
      at: '2026-01-01T00:00:00.000Z',
      pid: 42,
      windowMs: 1_000,
      lanes: [{ lane: 'generate', waiting: { interactive: 1, batch: 20, background: 0 }, running: 8, settled, waitMs: 1_234 }],
      engine: {
        activeSequences: 8,
        occupancy: 7.42,
        stepMs: 92,
        usedKvTokens: 6_112,
        computedTokensPerSecond: 610,
        reusedTokensPerSecond: 1_230,
        encodedTokensPerSecond: 0,
        restarts: 1,
        residentBytes: 1.2e9,
      },
      process: { delayMs: { p50: 0, p99: 2.1, max: 9 }, longestTurnCpuMs: 11, cpuShare: 0.04, residentBytes: 143e6, heapBytes: 1 },
    },
  });
  expect(text).toBe(`/docs/.millrace
No documents yet.
working now (process 42):
  generate  8 running, 21 waiting (1 interactive, 20 batch, 0 background), 30 done, 1 failed, 2 refused, waited 1234 ms
  engine    8 sequences, 7.4 a step, 92 ms a step, 610 tok/s computed, 1230 reused, 0 embedded, 6112 KV cells, 1 restarts, 1.20 GB
  process   event loop p99 2.1 ms, longest turn 11 ms of CPU, 4 % of a core, 143.0 MB
`);
});
