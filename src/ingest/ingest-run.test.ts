import { describe, expect, it } from 'vitest';
import type { IngestEvent } from '../spec/events.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { createEmitter, type EventBody } from './ingest-run.ts';

function found(source: string): EventBody {
  return { type: 'document-found', source, bytes: 1 };
}

describe('createEmitter', () => {
  it('hands events over one after another, in the order in which they were told', async () => {
    const handed: IngestEvent[] = [];
    const first = createDeferred<void>();
    const { emit } = createEmitter(createManualClock(), async (event) => {
      if (event.sequence === 1) await first.promise;
      handed.push(event);
    });
    const told = ['a', 'b', 'c'].map((source) => emit(found(source)));
    first.resolve();
    await Promise.all(told);
    expect(handed).toMatchObject([
      { sequence: 1, source: 'a', at: '2026-01-01T00:00:00.000Z' },
      { sequence: 2, source: 'b' },
      { sequence: 3, source: 'c' },
    ]);
  });

  it('leaves no gap for an event that could not be handed over, and fails only its teller', async () => {
    const handed: IngestEvent[] = [];
    const { emit, stamp } = createEmitter(createManualClock(), async (event) => {
      await Promise.resolve();
      if (event.type === 'document-found' && event.source === 'b') throw new Error('closed');
      handed.push(event);
    });
    const told = await Promise.allSettled(['a', 'b', 'c'].map((source) => emit(found(source))));
    expect(told.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(handed.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(stamp(found('d')).sequence).toBe(3);
  });
});
