import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Embedder, Generator, LocalDevice } from '../../src/spec/engine.ts';
import { describeEngineConformance } from '../../src/testing/engine-conformance.ts';
import { createTestDevice, loadTestEmbedder, loadTestGenerator } from './engine-fixture.ts';
import { withoutModels } from './models.ts';

describe.skipIf(withoutModels)('local engine', () => {
  let device: LocalDevice;
  let generator: Generator;
  let embedder: Embedder;
  beforeAll(async () => {
    device = createTestDevice();
    generator = await loadTestGenerator(device);
    embedder = await loadTestEmbedder(device);
  });
  afterAll(() => device.close());

  describeEngineConformance({ describe, it }, 'llama.cpp', async () => ({ generator, embedder, close: async () => {} }));
});
