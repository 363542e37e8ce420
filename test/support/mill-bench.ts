import { createFakeEmbedder, type FakeEmbedderOptions } from '../../src/engines/fake/embedder.ts';
import { createFakeGenerator, type FakeGenerator, type FakeGeneratorOptions } from '../../src/engines/fake/generator.ts';
import type { AnswerEvent } from '../../src/spec/answers.ts';
import type { HandedSource, MillStream } from '../../src/spec/mill.ts';
import { createFakeMill, type FakeMill, type FakeMillOptions } from '../../src/testing/fake-mill.ts';
import { createManualClock, type ManualClock } from '../../src/testing/manual-clock.ts';

/** A Mill over fakes in the time of a clock that only the test moves. */
export interface MillBench {
  readonly mill: FakeMill;
  readonly clock: ManualClock;
  readonly generator: FakeGenerator;
  /** Moves the clock from timer to timer until the promise has settled. */
  drive<Value>(promise: Promise<Value>): Promise<Value>;
  /** Lets everything happen that needs no time. Work that goes through modules and threads takes several turns of the event loop. */
  settle(): Promise<void>;
  /** Pieces of work that wait or run, by lane; lanes without any are left out. */
  load(): Record<string, number>;
  close(): Promise<void>;
}

export interface MillBenchOptions {
  readonly sources?: readonly HandedSource[];
  readonly generator?: Partial<FakeGeneratorOptions>;
  readonly embedder?: Partial<FakeEmbedderOptions>;
  readonly mill?: Partial<FakeMillOptions>;
}

export async function openMillBench(options: MillBenchOptions = {}): Promise<MillBench> {
  const clock = createManualClock();
  const generator = createFakeGenerator({ clock, ...options.generator });
  // The faults and the slowness of the embedder begin when the sources are in.
  let ready = false;
  const { fault, ...embedding } = options.embedder ?? {};
  let callsBefore = 0;
  const embedder = createFakeEmbedder({
    clock,
    ...embedding,
    fault(call) {
      if (!ready) callsBefore = call;
      return ready ? fault?.(call - callsBefore) : undefined;
    },
  });
  const mill = createFakeMill({ clock, generator, embedders: [embedder], ...options.mill });

  async function drive<Value>(promise: Promise<Value>): Promise<Value> {
    let pending = true;
    const settled = () => {
      pending = false;
    };
    promise.then(settled, settled);
    while (pending) await clock.runUntilIdle();
    return promise;
  }
  async function settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await clock.settle();
  }

  if (options.sources !== undefined && options.sources.length > 0) await drive(mill.ingest(options.sources).result());
  ready = true;
  return {
    mill,
    clock,
    generator,
    drive,
    settle,
    load() {
      const lanes = mill.scheduler.snapshot().map(({ lane, running, waiting }): [string, number] => {
        return [lane, running + waiting.interactive + waiting.batch + waiting.background];
      });
      return Object.fromEntries(lanes.filter(([, work]) => work > 0));
    },
    close: () => drive(mill.close()),
  };
}

/** Reads a stream as it comes, so that a test can look at what has come so far. */
export function collect<Event = AnswerEvent>(
  stream: MillStream<Event, unknown>,
): { readonly events: Event[]; readonly ended: Promise<void> } {
  const events: Event[] = [];
  const ended = (async () => {
    for await (const event of stream) events.push(event);
  })();
  return { events, ended };
}
