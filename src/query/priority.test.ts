import { afterEach, expect, it } from 'vitest';
import { collect, type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import type { HandedSource } from '../spec/mill.ts';
import type { RunEvent } from '../spec/runs.ts';

const sources: readonly HandedSource[] = [{ id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' }];
const question = 'How many passengers does the ferry carry?';

let bench: MillBench;
afterEach(() => bench.close());

/** Answers take a second, vectors of a few questions much less. */
function open(generator: { readonly sequences?: number } = {}): Promise<MillBench> {
  return openMillBench({ sources, generator: { decodeTokensPerSecond: 10, ...generator }, embedder: { tokensPerSecond: 1_000 } });
}
/** Moves the clock in small steps, and lets everything happen in between, until the promise has settled. */
async function until<Value>(promise: Promise<Value>): Promise<Value> {
  let pending = true;
  const settled = (): void => void (pending = false);
  promise.then(settled, settled);
  while (pending) {
    await bench.clock.advance(50);
    await bench.settle();
  }
  return promise;
}
const questions = (count: number): string[] => Array.from({ length: count }, (_, index) => `${question} (${index})`);

it('a question is answered while a run fills the engines, and waits for none of its items', async () => {
  bench = await open();
  const { mill, clock, drive, settle } = bench;
  await drive(mill.ask(question).result());
  const alone = await until(mill.ask(question).result());
  const run = mill.askMany(questions(40), { concurrency: 20, durable: false });
  const { events, ended } = collect<RunEvent>(run);
  while (!events.some(({ type }) => type === 'item-settled')) {
    await clock.advance(50);
    await settle();
  }
  expect(bench.load()['generate']).toBeGreaterThan(10);
  const answer = await until(mill.ask(question).result());
  expect(answer.timings.queuedMs).toBe(0);
  expect(answer.timings.totalMs).toBeLessThan(1.3 * alone.timings.totalMs);
  const before = events.filter(({ type }) => type === 'item-settled').length;
  expect(before).toBeLessThan(30);
  await drive(ended);
  expect(events.filter(({ type }) => type === 'item-settled')).toHaveLength(40);
});

it('a question that would be answered too late is refused before anything of it is computed', async () => {
  bench = await open({ sequences: 2 });
  const { mill, clock, drive, settle } = bench;
  await until(mill.ask(question).result());
  const crowd = questions(10).map((text) => mill.ask(text).result());
  await clock.advance(400);
  await settle();
  const refused = mill.ask(question, { timeoutMs: 2_000 }).result();
  await expect(refused).rejects.toMatchObject({ code: 'E_OVERLOADED', retryAfterMs: expect.any(Number) as number });
  await drive(Promise.all(crowd));
  expect(bench.generator.statistics().calls).toBe(11);
  await expect(drive(mill.ask(question, { timeoutMs: 2_000 }).result())).resolves.toMatchObject({ abstained: false });
});

it('the questions of one tenant do not hold up those of another', async () => {
  bench = await open({ sequences: 2 });
  const { mill, clock, drive, settle } = bench;
  const flood = questions(30).map((text) => mill.ask(text, { tenant: 'flood' }).result());
  await clock.advance(3_000);
  await settle();
  const order: string[] = [];
  void Promise.all(flood.map((answer) => answer.then(() => order.push('flood'))));
  const small = await until(mill.ask(question, { tenant: 'small' }).result());
  expect(small.timings.queuedMs).toBeLessThan(2_000);
  expect(order.length).toBeLessThan(10);
  await drive(Promise.all(flood));
});
