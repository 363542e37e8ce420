import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { LocalDevice, Reranker } from '../../src/spec/engine.ts';
import { describeEngineConformance } from '../../src/testing/engine-conformance.ts';
import { tinyReranker } from '../support/tiny-reranker.ts';
import { createTestDevice } from './engine-fixture.ts';

describe('a cross-encoder in the local engine', () => {
  let device: LocalDevice;
  let reranker: Reranker;
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-reranker-'));
    const path = join(folder, 'tiny.gguf');
    const bytes = tinyReranker();
    writeFileSync(path, bytes);
    device = createTestDevice();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    reranker = await device.loadReranker({ id: 'tiny', title: 'Tiny reranker', path, sha256, maxInputTokens: 128 });
  });
  afterAll(async () => {
    await device.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describeEngineConformance({ describe, it }, 'llama.cpp', async () => ({ reranker, close: async () => {} }));
});
