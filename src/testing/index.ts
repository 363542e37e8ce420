/** What a test of a program that uses millrace, or of an engine or store for it, needs: nothing here reads the clock or a model. */
export { createManualClock } from './manual-clock.ts';
export type { ManualClock, ManualClockOptions } from './manual-clock.ts';
export { createDeferred } from '../util/deferred.ts';
export type { Deferred } from '../util/deferred.ts';
export { createSeededRandom } from '../util/random.ts';
export type { Random } from '../util/random.ts';
export type { Clock } from '../util/clock.ts';

export { createFakeGenerator } from '../engines/fake/generator.ts';
export type { FakeGenerator, FakeGeneratorOptions, FakeGeneratorStatistics } from '../engines/fake/generator.ts';
export { createFakeEmbedder } from '../engines/fake/embedder.ts';
export type { FakeEmbedderOptions } from '../engines/fake/embedder.ts';
export { createFakeReranker } from '../engines/fake/reranker.ts';
export type { FakeRerankerOptions } from '../engines/fake/reranker.ts';
export { createFakeTokenizer } from '../engines/fake/tokenizer.ts';
export { answerFromPassages } from '../engines/fake/answer.ts';
export type { FakeFault, FakePaceOptions } from '../engines/fake/pace.ts';

export { createMemoryStore } from '../store/memory/memory-store.ts';

export { describeEngineConformance, questionRequest, readParts } from './engine-conformance.ts';
export type { EngineFixture } from './engine-conformance.ts';
export { createFakeMill } from './fake-mill.ts';
export type { FakeMill, FakeMillOptions } from './fake-mill.ts';
export { openFakeMill } from './open-fake-mill.ts';
export type { OpenFakeMillOptions } from './open-fake-mill.ts';
export { describeMillConformance } from './mill-conformance.ts';
export type { MillFixture } from './mill-conformance.ts';
export { commitLines, describeStoreConformance, lineDocument } from './store-conformance.ts';
export type { SuiteRunner } from './store-conformance.ts';
