import { MillraceError } from '../../../src/errors.ts';
import type { MillStream } from '../../../src/spec/mill.ts';
import type { RunEvent } from '../../../src/spec/runs.ts';
import { createFakeMill } from '../../../src/testing/fake-mill.ts';
import { createManualClock } from '../../../src/testing/manual-clock.ts';
import { createSeededRandom } from '../../../src/util/random.ts';
import { expectedEnds } from './expected-ends.ts';
import { createDraw } from './draw.ts';
import { createSimulatedEngines } from './engines.ts';
import type { SimulationOptions, SimulationResult } from './simulation.ts';
import { createTrace } from './trace.ts';

const sources = [
  { id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' },
  { id: 'workshop', text: 'The workshop opens at 7:30 on weekdays.' },
];
const questions = [
  'How many passengers does the ferry carry?',
  'When does the workshop open?',
  'Do dogs travel free?',
  'Who owns the mine?',
];
/** Lives that a run gets before it must be done: nothing fails from the last one on. */
const mostLives = 4;

/**
 * A whole Mill over engines that fail and a record in memory, in virtual time: durable runs that are stopped and resumed, and people who
 * ask, change their minds and leave, all drawn from a seed. At last every item of every run is settled once, whatever happened.
 */
export async function simulateMill({ seed, faults = true, keepTrace = false }: SimulationOptions): Promise<SimulationResult> {
  const clock = createManualClock();
  const trace = createTrace(clock, keepTrace);
  const draw = createDraw(createSeededRandom(seed));
  const engines = createSimulatedEngines(draw, clock, { faults, kvTokens: [1_000, 4_000], answers: 'passages' });
  const mill = createFakeMill({ clock, generator: engines.generator, embedders: [engines.embedder] });
  const violations: string[] = [];
  const outcomes: Record<string, number> = {};
  const require = (holds: boolean, what: string): void => void (holds || violations.push(`${clock.monotonic().toFixed(3)} ${what}`));
  const count = (outcome: string): void => void (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);

  /** Moves the clock until the promise has settled. */
  async function drive<Value>(promise: Promise<Value>): Promise<Value> {
    let pending = true;
    const settled = (): void => void (pending = false);
    promise.then(settled, settled);
    while (pending) await clock.runUntilIdle();
    return promise;
  }

  async function person(name: string): Promise<void> {
    for (let asked = 0, end = draw.int(1, 5); asked < end; asked += 1) {
      await clock.sleep(draw.number(1, 5_000));
      const controller = new AbortController();
      const stop = clock.after(draw.chance(0.2) ? draw.number(0, 3_000) : 120_000, () => controller.abort());
      const timeout = draw.chance(0.4) ? { timeoutMs: draw.number(1, 10_000) } : {};
      const leaveAfter = draw.chance(0.1) ? 1 : Number.POSITIVE_INFINITY;
      const stream = mill.ask(draw.one(questions), { signal: controller.signal, maxTokens: 20, ...timeout });
      let [events, ends] = [0, 0];
      let outcome = 'left';
      try {
        for await (const event of stream) {
          events += 1;
          require(event.sequence === events && ends === 0, `an event of ${name} came out of order`);
          if (event.type === 'answer-end' || event.type === 'answer-failed') ends += 1;
          if (events >= leaveAfter && ends === 0) break;
        }
        if (events < leaveAfter || ends > 0) outcome = await stream.result().then(() => 'done');
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        outcome = error.code;
      }
      stop();
      trace.note(`${name}.${asked} ${outcome}`);
      count(outcome);
      require(expectedEnds.has(outcome), `${name} ended with ${outcome}`);
    }
  }

  async function run(name: string): Promise<void> {
    const asked = Array.from({ length: draw.int(1, 12) }, () => draw.one(questions));
    const limits = {
      concurrency: draw.int(1, 8),
      ordered: draw.chance(0.5),
    };
    const timeout = draw.chance(0.3) ? { questionTimeoutMs: draw.number(500, 30_000) } : {};
    const told = new Map<number, number>();
    let id: string | null = null;
    for (let life = 1, isDone = false; !isDone; life += 1) {
      const isLast = life === mostLives;
      if (isLast) engines.calm();
      const controller = new AbortController();
      // An item that stalls ends with its run.
      const stop = clock.after(isLast ? 600_000 : draw.number(100, 60_000), () => controller.abort());
      // Another run may keep alive what stalls, since equal questions are asked once: nobody waits for that in the last life.
      const options = { ...limits, ...(isLast ? { questionTimeoutMs: 120_000 } : timeout), signal: controller.signal };
      const stream: MillStream<RunEvent, unknown> =
        id === null ? mill.askMany(asked, { ...options, maxTokens: 20 }) : mill.runs.resume(id, { ...options, questions: asked });
      const seen: RunEvent[] = [];
      try {
        for await (const event of stream) {
          require(event.sequence === seen.length + 1, `an event of ${name} came out of order`);
          seen.push(event);
          if (event.type === 'run-start') id = event.runId;
          if (event.type !== 'item-settled') continue;
          const { index, status } = event.item;
          trace.note(`${name}.${index} ${status}`);
          count(`item ${status}`);
          told.set(index, (told.get(index) ?? 0) + 1);
        }
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        require(error.code === 'E_CANCELLED' || error.code === 'E_ENGINE_UNAVAILABLE', `${name} ended with ${error.code}`);
      }
      stop();
      const places = seen.flatMap((event) => (event.type === 'item-settled' ? [event.item.index] : []));
      const isSorted = places.every((place, at) => at === 0 || place > (places[at - 1] ?? 0));
      require(!limits.ordered || isSorted, `${name} promised an order and told ${places.join()}`);
      isDone = seen.at(-1)?.type === 'run-end' || isLast || id === null;
    }
    if (id === null) return;
    const { items, state } = (await mill.runs.show(id)) as { items: { settled: number; pending: number; claimed: number }; state: string };
    require(state === 'done' && items.settled === asked.length, `${name} is ${state} with ${items.settled} of ${asked.length} settled`);
    for (const [index, times] of told) require(times === 1, `${name}.${index} was told ${times} times`);
  }

  await drive(mill.ingest(sources).result());
  engines.storm();
  const actors = [person('p1'), person('p2'), run('r1'), run('r2')];
  await drive(Promise.all(actors).catch((error: unknown) => void violations.push(`an actor failed: ${String(error)}`)));
  await clock.runUntilIdle();
  for (const { lane, waiting, running, queuedBytes } of mill.scheduler.snapshot()) {
    require(running + waiting.interactive + waiting.batch + waiting.background + queuedBytes === 0, `lane ${lane} still holds something`);
  }
  await drive(mill.close());
  require(clock.pendingTimers === 0, `${clock.pendingTimers} timers are left`);
  return { hash: trace.hash(), violations, outcomes, trace: trace.lines };
}
