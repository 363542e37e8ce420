import { createFakeEmbedder } from '../../../src/engines/fake/embedder.ts';
import { createFakeGenerator } from '../../../src/engines/fake/generator.ts';
import type { FakeFault } from '../../../src/engines/fake/pace.ts';
import { MillraceError } from '../../../src/errors.ts';
import type { Embedder, Generator } from '../../../src/spec/engine.ts';
import type { Clock } from '../../../src/util/clock.ts';
import type { Draw } from './draw.ts';

export interface SimulatedEngines {
  readonly generator: Generator;
  readonly embedder: Embedder;
  /** From now on calls go wrong, or none does. In the beginning none does. */
  storm(): void;
  calm(): void;
}

export interface SimulatedEnginesOptions {
  readonly faults: boolean;
  /** Least and most cells. */
  readonly kvTokens: readonly [number, number];
  /** The same words for every prompt, or what stands in its passages. */
  readonly answers: 'fixed' | 'passages';
}

/** Share of calls that go wrong. */
const faultShares = [0, 0.02, 0.1, 0.3] as const;

/**
 * Fake engines of a drawn size and speed on one device: a call may be slow, stall, not hear of its cancellation, or crash, and then every
 * generation that runs ends with it.
 */
export function createSimulatedEngines(draw: Draw, clock: Clock, options: SimulatedEnginesOptions): SimulatedEngines {
  const share = options.faults ? draw.one(faultShares) : 0;
  const [leastCells, mostCells] = options.kvTokens;
  let isCalm = true;
  let device = new AbortController();

  function fault(): FakeFault | undefined {
    if (isCalm || !draw.chance(share)) return undefined;
    return draw.one<() => FakeFault>([
      () => ({ type: 'slow', factor: draw.number(2, 20) }),
      () => ({ type: 'stall' }),
      () => ({ type: 'crash', afterTokens: draw.int(0, 4) }),
      () => ({ type: 'lost-cancel' }),
    ])();
  }

  const speeds = { jitter: draw.one([0, 0.3]), seed: draw.int(1, 1e9) };
  const fake = createFakeGenerator({
    clock,
    sequences: draw.int(1, 6),
    kvTokens: draw.int(leastCells, mostCells),
    prefillTokensPerSecond: draw.int(200, 5_000),
    decodeTokensPerSecond: draw.int(5, 200),
    ...(options.answers === 'fixed' ? { answer: () => 'one two three four five six' } : {}),
    fault,
    ...speeds,
  });
  return {
    generator: {
      ...fake,
      async *generate(request, options) {
        const running = device;
        try {
          yield* fake.generate(request, { ...options, signal: AbortSignal.any([options.signal, running.signal]) });
        } catch (error) {
          const isCrash = error instanceof MillraceError && error.code === 'E_ENGINE_CRASHED';
          if (isCrash && running === device) {
            device = new AbortController();
            running.abort();
          }
          if (!running.signal.aborted || options.signal.aborted || isCrash) throw error;
          throw new MillraceError('E_ENGINE_CRASHED', 'The process has died beside another request.', {
            delivered: request.deliver === 'stream',
          });
        }
      },
    },
    embedder: createFakeEmbedder({
      clock,
      tokensPerSecond: draw.int(500, 20_000),
      limits: { batchTokens: draw.int(64, 512), batchItems: draw.int(1, 32) },
      fault,
      ...speeds,
    }),
    storm() {
      isCalm = false;
    },
    calm() {
      isCalm = true;
    },
  };
}
