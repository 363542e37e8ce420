import { beforeEach, describe, expect, it } from 'vitest';
import { createFakePrefixes } from '../engines/fake/prefixes.ts';
import { createFakeGenerator } from '../engines/fake/generator.ts';
import type { ReadEvent, ReadOptions } from '../spec/reading.ts';
import { createFakeMill, type FakeMill } from '../testing/fake-mill.ts';
import { createManualClock } from '../testing/manual-clock.ts';

const clock = createManualClock();
const words = (seed: number): string => Array.from({ length: 900 }, (_, index) => `word${(seed * 31 + index * 7) % 997}`).join(' ');

let mill: FakeMill;
let prefixes: ReturnType<typeof createFakePrefixes>;
let calls: () => number;

async function setup(limits?: Parameters<typeof createFakePrefixes>[0]): Promise<void> {
  prefixes = createFakePrefixes(limits);
  const generator = createFakeGenerator({ clock, prefixes });
  calls = () => generator.statistics().calls;
  mill = createFakeMill({ clock, generator });
  await mill.ingest([1, 2, 3].map((seed) => ({ id: `texts/${seed}`, text: words(seed) }))).result();
}

async function read(sources: readonly string[] = [], options: ReadOptions = {}): Promise<ReadEvent[]> {
  return Array.fromAsync(mill.read(sources, options));
}

const of = <Type extends ReadEvent['type']>(events: readonly ReadEvent[], type: Type) =>
  events.filter((event): event is Extract<ReadEvent, { type: Type }> => event.type === type);

describe('reading ahead', () => {
  beforeEach(() => setup());

  it('reads every passage once, tells first what that takes, and leaves out what is kept', async () => {
    const events = await read();
    const [estimate] = of(events, 'read-estimate');
    expect(estimate).toMatchObject({ documents: 3, keptPassages: 0, tooLongPassages: 0, durationMs: 0 });
    const passages = estimate!.passages;
    expect(passages).toBeGreaterThan(3);
    expect(estimate).toMatchObject({ unreadPassages: passages, fittingPassages: passages });
    expect(of(events, 'passage-read')).toHaveLength(passages);
    expect(new Set(of(events, 'passage-read').map(({ document, passage }) => `${document}/${passage}`)).size).toBe(passages);
    expect(events.at(-1)).toMatchObject({ type: 'read-end', passages, read: passages, kept: 0, left: 0, tokens: estimate!.unreadTokens });
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(calls()).toBe(passages);
    expect((await read()).at(-1)).toMatchObject({ type: 'read-end', passages, read: 0, kept: passages, left: 0 });
    expect(calls()).toBe(passages);
  });

  it('goes on where it was stopped, and reads only what is named', async () => {
    const one = await read(['texts/2']);
    const { read: count } = await mill.read(['texts/2']).result();
    expect([of(one, 'read-estimate')[0]!.documents, count]).toEqual([1, 0]);
    const controller = new AbortController();
    let before = 0;
    for await (const event of mill.read(['texts'], { signal: controller.signal })) {
      if (event.type === 'passage-read') before += 1;
      if (before === 2) controller.abort();
      if (event.type === 'read-failed') expect(event.error.code).toBe('E_CANCELLED');
    }
    const rest = (await read(['texts/1', 'texts/3'])).at(-1);
    expect(rest).toMatchObject({ type: 'read-end', left: 0 });
    expect(rest?.type === 'read-end' && rest.kept).toBeGreaterThanOrEqual(2);
    expect((await read(['nothing'])).at(-1)).toMatchObject({ type: 'read-failed', error: { code: 'E_SOURCE_MISSING' } });
  });

  it('keeps what it read when its time is over, and goes on there', async () => {
    const generator = createFakeGenerator({ clock, prefixes, prefillTokensPerSecond: 100 });
    mill = createFakeMill({ clock, generator });
    await mill.ingest([1, 2, 3].map((seed) => ({ id: `texts/${seed}`, text: words(seed) }))).result();
    for (const limit of [{ timeouts: { totalMs: 10_000 } }, { timeoutMs: 10_000 }]) {
      const ending = mill.read([], limit).result();
      ending.catch(() => undefined);
      await clock.advance(10_000);
      await expect(ending).rejects.toMatchObject({ code: 'E_DEADLINE_EXCEEDED' });
    }
    const rest = mill.read([]).result();
    await clock.runUntilIdle();
    expect((await rest).kept).toBeGreaterThanOrEqual(2);
  });

  it('reads one passage to tell how long all would take, and no other', async () => {
    const events = await read([], { estimate: true });
    expect(of(events, 'passage-read')).toHaveLength(1);
    const { passages } = of(events, 'read-estimate')[0]!;
    expect(events.at(-1)).toMatchObject({ type: 'read-end', read: 1, left: passages - 1 });
  });

  it('reads no more than fits', async () => {
    await setup({ memoryBytes: 0, diskBytes: 120_000 });
    const events = await read();
    const { fittingPassages, passages } = of(events, 'read-estimate')[0]!;
    expect([fittingPassages > 0, fittingPassages < passages]).toEqual([true, true]);
    expect(events.at(-1)).toMatchObject({ type: 'read-end', read: fittingPassages, left: passages - fittingPassages });
    // What was read before takes its part of the limit, at every call.
    for (let call = 0; call < 3; call += 1) await read();
    expect((await prefixes.counts())?.diskBytes).toBeLessThanOrEqual(120_000);
  });

  it('ends when nothing can be kept any more, and says why', async () => {
    prefixes.fail('The disk is full.');
    const error = { code: 'E_PREFIX_NOT_KEPT', message: 'The disk is full.' };
    expect((await read()).at(-1)).toMatchObject({ type: 'read-failed', error });
    expect(calls()).toBe(1);
    mill = createFakeMill({ clock });
    expect((await read()).at(-1)).toMatchObject({ type: 'read-failed', error: { code: 'E_PREFIX_NOT_KEPT' } });
  });
});
