import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { open } from '../../src/open.ts';
import { describeMillConformance } from '../../src/testing/mill-conformance.ts';
import { withoutModels } from './models.ts';

// Each test opens a directory and loads models, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

/** The whole product as a program opens it: threads, files, parser processes and the engine with small models. */
describe.skipIf(withoutModels)('open', () => {
  describeMillConformance({ describe, it }, 'a Mill on disk', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'millrace-mill-'));
    const mill = await open({ directory, generator: 'smollm2-135m', parsers: 1 });
    return {
      mill,
      async close() {
        await mill.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  });

  it('fails the first question, after its sources, when the generator is not known', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'millrace-mill-'));
    const mill = await open({ directory, generator: 'smolm2-135m', parsers: 1 });
    try {
      await mill.ingest([{ id: 'ferry', text: 'The ferry carries 48 passengers.' }]).result();
      const events = await Array.fromAsync(mill.ask('How many passengers does the ferry carry?'));
      expect(events.map(({ type }) => type)).toEqual(['sources', 'answer-failed']);
      expect(events.at(-1)).toMatchObject({ error: { code: 'E_MODEL_UNKNOWN', message: expect.stringContaining('smolm2-135m') } });
    } finally {
      await mill.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
