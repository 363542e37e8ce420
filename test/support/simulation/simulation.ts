import { getEventListeners } from 'node:events';
import { isMillraceError, MillraceError } from '../../../src/errors.ts';
import { embedLane, generateLane } from '../../../src/lanes.ts';
import { createScheduler } from '../../../src/scheduler/scheduler.ts';
import type { WorkClass } from '../../../src/spec/engine.ts';
import type { LaneDefinition, LaneName, LaneTypes, Work } from '../../../src/spec/work.ts';
import { createManualClock } from '../../../src/testing/manual-clock.ts';
import { createSeededRandom } from '../../../src/util/random.ts';
import { expectedEnds } from './expected-ends.ts';
import { createDraw } from './draw.ts';
import { createSimulatedEngines } from './engines.ts';
import { createTrace } from './trace.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Engines that fail. Default true. */
  readonly faults?: boolean;
  readonly keepTrace?: boolean;
}

export interface SimulationResult {
  /** Of everything that happened, in order, with its time. */
  readonly hash: string;
  /** What should never happen. Empty when all is well. */
  readonly violations: readonly string[];
  /** How many requests ended in each way. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

/** A piece of work that was given to the scheduler. */
interface Known {
  readonly name: string;
  readonly class: WorkClass;
  readonly deadline: number | undefined;
  readonly signal: AbortSignal;
  starts: number;
  settlements: number;
}

/** Nobody waits for longer than this, so that an engine that stalls is cancelled in the end. */
const longestPatienceMs = 120_000;

/**
 * Clients, a run and upkeep on one scheduler over engines that fail, all drawn from a seed, in virtual time. Looks at what must hold at
 * every start and every end; at last everything is calm, everything has ended, and nothing is left on the books.
 */
export async function simulate({ seed, faults = true, keepTrace = false }: SimulationOptions): Promise<SimulationResult> {
  const clock = createManualClock();
  const trace = createTrace(clock, keepTrace);
  const draw = createDraw(createSeededRandom(seed));
  const engines = createSimulatedEngines(draw, clock, { faults, kvTokens: [150, 800], answers: 'fixed' });
  engines.storm();
  const scheduler = createScheduler({ clock });
  const violations: string[] = [];
  const known = new Map<object, Known>();
  const outcomes: Record<string, number> = {};
  const longLived = new AbortController();
  const require = (holds: boolean, what: string): void => void (holds || violations.push(`${clock.monotonic().toFixed(3)} ${what}`));

  function addLane<L extends LaneName>(lane: LaneDefinition<L>): void {
    const limits = { ...lane.limits, queuedItems: draw.int(4, 60), queuedBytes: draw.int(2_000, 20_000) };
    let [calls, otherCalls] = [0, 0];
    scheduler.addLane<L>({
      ...lane,
      limits,
      async execute(batch) {
        const isOther = batch[0]?.class !== 'interactive';
        calls += 1;
        otherCalls += Number(isOther);
        require(calls <= limits.concurrency, `${calls} calls at once in lane ${lane.name}`);
        require(otherCalls <=
          limits.concurrency - (limits.interactiveReserve?.concurrency ?? 0), `the reserve of lane ${lane.name} was used`);
        for (const { input, attempt, class: workClass } of batch) {
          const work = known.get(input);
          if (work === undefined) throw new TypeError('Work came that nobody submitted.');
          work.starts += 1;
          trace.note(`start ${work.name}`);
          require(work.class === workClass && work.starts === attempt && attempt <= 2, `${work.name} started ${work.starts} times`);
          require(work.settlements === 0 && !work.signal.aborted, `${work.name} started after it was over`);
          require(work.deadline === undefined || work.deadline > clock.monotonic(), `${work.name} started after its deadline`);
          require(attempt === 1 || batch.length === 1, `${work.name} was tried again in company`);
        }
        try {
          return await lane.execute(batch);
        } finally {
          calls -= 1;
          otherCalls -= Number(isOther);
        }
      },
    });
  }

  function submit<L extends 'embed' | 'generate'>(name: string, work: Work<L> & { readonly signal: AbortSignal }) {
    const one: Known = { name, class: work.class, deadline: work.deadline, signal: work.signal, starts: 0, settlements: 0 };
    known.set(work.input, one);
    const handle = scheduler.submit(work);
    const settle = (how: string): void => {
      one.settlements += 1;
      trace.note(`${how} ${name}`);
      require(one.settlements === 1, `${name} settled ${one.settlements} times`);
    };
    handle.result().then(
      () => settle('done'),
      (error: unknown) => {
        settle(isMillraceError(error) ? error.code : String(error));
        if (isMillraceError(error) && error.code === 'E_DEADLINE_EXCEEDED') {
          require(Math.abs((one.deadline ?? 0) - clock.monotonic()) <= 1, `${name} was told of its deadline at another time`);
        }
      },
    );
    return handle;
  }

  interface Asking {
    readonly name: string;
    readonly class: WorkClass;
    readonly tenant: string | undefined;
    readonly signal: AbortSignal;
    readonly deadline: number | undefined;
    readonly stream: boolean;
    /** Leaves after so many parts. */
    readonly leaveAfter: number | undefined;
  }

  /** A whole request: admission → embed → generate, as a question has it. */
  async function ask({ name, stream, leaveAfter, ...work }: Asking): Promise<string> {
    const prefixKey = draw.one([undefined, 'contract', 'manual', 'letter']);
    const parts = [prefixKey === undefined ? 'none' : `${prefixKey} `.repeat(draw.int(5, 20)), 'What does it say?'];
    const { deadline, ...who } = work;
    const terms = { ...who, ...(deadline === undefined ? {} : { deadline }) };
    const embed = { texts: [name], kind: 'query' } as const;
    const maxTokens = draw.int(2, 12);
    const cells = parts.join(' ').split(/\s+/).length + 20;
    const cost = { tokens: cells, kvTokens: cells + maxTokens, bytes: draw.int(10, 400) };
    const permit = await scheduler.admit({ ...work, costs: { embed: { tokens: 20 }, generate: cost } });
    trace.note(`admitted ${name}`);
    try {
      await submit(`${name} embed`, { lane: 'embed', ...terms, input: embed, cost: { tokens: 20, bytes: 20 }, permit }).result();
      const input: LaneTypes['generate']['input'] = {
        prompt: { messages: [{ role: 'user', parts }] },
        maxTokens,
        sampling: { temperature: 0, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, seed: 0 },
        stop: [],
        deliver: stream ? 'stream' : 'final',
        ...(prefixKey === undefined ? {} : { prefixKey: parts[0] ?? '', prefixParts: 1 }),
      };
      const { tokens, partEnds } = await engines.generator.tokenizer.tokenizePrompt(input.prompt);
      const prefixTokens = prefixKey === undefined ? 0 : (partEnds[0] ?? 0);
      const handle = submit(`${name} generate`, {
        lane: 'generate',
        ...terms,
        input,
        cost: { tokens: tokens.length - prefixTokens, kvTokens: tokens.length - prefixTokens + maxTokens, prefixTokens, bytes: cost.bytes },
        ...(prefixKey === undefined ? {} : { prefixKey: parts[0] ?? '' }),
        deliver: stream ? 'stream' : 'final',
        permit,
      });
      let text = '';
      let count = 0;
      for await (const part of handle) {
        if (part.type === 'text') text += part.text;
        count += 1;
        if (count === leaveAfter) return 'left';
      }
      const final = await handle.result();
      require(!stream || final.text === text, `${name} got other text than its parts`);
      return 'done';
    } finally {
      permit.release();
    }
  }

  /** An asker with patience: it always comes back, and says how it ended. */
  async function client(asking: Omit<Asking, 'signal' | 'deadline'> & { readonly cancelAfterMs?: number; readonly deadlineMs?: number }) {
    const controller = new AbortController();
    const { cancelAfterMs = longestPatienceMs, deadlineMs } = asking;
    const stop = clock.after(cancelAfterMs, () => controller.abort());
    const started = clock.monotonic();
    const deadline = deadlineMs === undefined ? undefined : started + deadlineMs;
    const outcome = await ask({ ...asking, deadline, signal: AbortSignal.any([controller.signal, longLived.signal]) }).catch(
      (error: unknown) => {
        if (!(error instanceof MillraceError)) throw error;
        if (error.code === 'E_OVERLOADED') require((error.retryAfterMs ?? 0) >= 100, `${asking.name} was not told when to come back`);
        return error.code;
      },
    );
    stop();
    trace.note(`${outcome} ${asking.name}`);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    require(expectedEnds.has(outcome), `${asking.name} ended with ${outcome}`);
    require(clock.monotonic() - started <= (deadlineMs ?? longestPatienceMs) + 1, `${asking.name} was told too late`);
    if (outcome === 'E_OVERLOADED' && asking.class === 'interactive' && clock.monotonic() > started) {
      // Refused only at the door: what was let in is not refused later.
      violations.push(`${asking.name} was refused after it had been let in`);
    }
    return outcome;
  }

  async function visitors(name: string): Promise<void> {
    const tenant = draw.one([undefined, 'small', 'large']);
    const asked: Promise<string>[] = [];
    for (let number = 0, end = draw.int(2, 8); number < end; number += 1) {
      await clock.sleep(draw.number(1, 4_000));
      const isBurst = draw.chance(0.1);
      for (let copy = isBurst ? draw.int(5, 25) : 1; copy > 0; copy -= 1) {
        asked.push(
          client({
            name: `${name}.${number}.${copy}`,
            class: 'interactive',
            tenant,
            stream: draw.chance(0.5),
            leaveAfter: draw.chance(0.1) ? draw.int(1, 4) : undefined,
            ...(draw.chance(0.2) ? { cancelAfterMs: draw.number(0, 3_000) } : {}),
            ...(draw.chance(0.4) ? { deadlineMs: draw.number(1, 10_000) } : {}),
          }),
        );
      }
    }
    await Promise.all(asked);
  }

  async function run(name: string): Promise<void> {
    let next = 0;
    const end = draw.int(0, 20);
    const workClass = draw.one(['batch', 'batch', 'background'] as const);
    const work = async (): Promise<void> => {
      while (next < end) {
        const number = next++;
        const deadline = draw.chance(0.2) ? { deadlineMs: draw.number(1, 60_000) } : {};
        await client({ name: `${name}.${number}`, class: workClass, tenant: undefined, stream: false, leaveAfter: undefined, ...deadline });
      }
    };
    await Promise.all(Array.from({ length: draw.int(1, 12) }, work));
  }

  addLane(generateLane(engines.generator) as LaneDefinition<'generate'>);
  addLane(embedLane(engines.embedder));
  const actors = Array.from({ length: draw.int(1, 4) }, (_, index) => visitors(`v${index}`));
  const all = Promise.all([...actors, run('r1'), run('r2')]).catch(
    (error: unknown) => void violations.push(`an actor failed: ${String(error)}`),
  );
  await clock.runUntilIdle({ maxTimers: 200_000 });
  engines.calm();
  await all;
  const last = client({ name: 'last', class: 'interactive', tenant: undefined, stream: true, leaveAfter: undefined });
  await clock.runUntilIdle();
  require((await last) === 'done', 'nothing works any more, although everything is calm');
  for (const { name, settlements } of known.values()) require(settlements === 1, `${name} settled ${settlements} times at the end`);
  for (const { lane, waiting, running, queuedBytes, usedKvTokens } of scheduler.snapshot()) {
    const left = running + waiting.interactive + waiting.batch + waiting.background + queuedBytes + usedKvTokens;
    require(left === 0, `lane ${lane} still holds something`);
  }
  require(getEventListeners(longLived.signal, 'abort').length === 0, 'somebody still listens to a signal');
  await scheduler.close();
  require(clock.pendingTimers === 0, `${clock.pendingTimers} timers are left`);
  return { hash: trace.hash(), violations, outcomes, trace: trace.lines };
}
