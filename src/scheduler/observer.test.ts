import { expect, it } from 'vitest';
import type { LaneDefinition, WorkOutcome } from '../spec/work.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { createScheduler } from './scheduler.ts';

it('tells the observer of every piece of work once, with how it left', async () => {
  const clock = createManualClock();
  const seen: [WorkOutcome, number][] = [];
  const scheduler = createScheduler({
    clock,
    observe: ({ lane, class: workClass, outcome, timings }) => {
      expect([lane, workClass]).toEqual(['embed', 'batch']);
      seen.push([outcome, timings.queuedMs]);
    },
  });
  const held = createDeferred<void>();
  const definition: LaneDefinition<'embed'> = {
    name: 'embed',
    limits: { concurrency: 1, batchItems: 1, batchTokens: 100, kvTokens: 0, queuedItems: 2, queuedBytes: 1_000 },
    async execute(batch) {
      await held.promise;
      if (batch[0]?.input.texts[0] === 'bad') throw new Error('broken');
      return batch.map(() => ({ status: 'fulfilled', value: [] }));
    },
  };
  scheduler.addLane(definition);
  const submit = (text: string, more: { signal?: AbortSignal; deadline?: number } = {}) =>
    scheduler.submit({ lane: 'embed', class: 'batch', input: { texts: [text], kind: 'query' }, cost: { tokens: 1 }, ...more });
  const cancel = new AbortController();
  const handles = [submit('good')];
  await Promise.resolve();
  handles.push(submit('late', { deadline: clock.monotonic() + 5 }), submit('left', { signal: cancel.signal }), submit('refused'));
  cancel.abort();
  await clock.advance(10);
  handles.push(submit('bad'));
  held.resolve();
  await Promise.allSettled(handles.map((handle) => handle.result()));
  expect(seen).toEqual([
    ['refused', 0],
    ['cancelled', 0],
    ['expired', 5],
    ['done', 0],
    ['failed', 0],
  ]);
});
