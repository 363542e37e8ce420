import { type IndexingState, indexingSetting } from '../spec/indexing.ts';
import type { IngestRun } from './ingest-run.ts';

/** Where a call stands: told at a steady pace while it works, and once more at the end of each stage. */
export interface Progress {
  /** One more source is committed, skipped or failed. */
  settled(): void;
  /** A document with so many chunks was committed. */
  added(chunks: number): void;
  /** So many more chunks have a vector. What the record then holds, once all reading is done; an estimate before. */
  embedded(chunks: number): Promise<{ readonly embeddedChunks: number; readonly remainingChunks: number }>;
  endReading(): Promise<void>;
  endEmbedding(): Promise<void>;
  /** Nothing is told any more. `whole`: everything was done, so searches find all there is. */
  stop(whole: boolean): Promise<void>;
}

/** What waits between the stages, now. */
export interface Waiting {
  readonly found: number;
  readonly reading: number;
  readonly prepared: number;
}

/** Rates are those of the last so many events. */
const windowEvents = 20;
/** Progress events from one note in the record to the next. */
const eventsPerNote = 4;

interface Sample {
  readonly at: number;
  readonly settled: number;
  readonly embedded: number;
}

export async function createProgress(run: IngestRun, waiting: () => Waiting): Promise<Progress> {
  const { counts, limits } = run;
  const { clock, store } = run.parts;
  let stage: 'reading' | 'embedding' = 'reading';
  let settled = 0;
  let { chunks, embeddedChunks } = await recorded();
  /** Documents that were replaced make the sums wrong; they are counted anew when reading is over. */
  let mustCount = false;
  let samples: readonly Sample[] = [sample()];
  let told = '';
  let events = 0;
  let telling = false;
  let isOver = false;
  await note('running');
  let cancel = clock.after(limits.progressMs, tick, { keepAlive: false });

  async function recorded(): Promise<{ chunks: number; embeddedChunks: number }> {
    const status = (await store.collections()).find(({ collection }) => collection === run.collection);
    const embedded = run.options.embed === false ? 0 : (status?.embedded[run.embedder.model.hash] ?? 0);
    return { chunks: status?.chunks ?? 0, embeddedChunks: embedded };
  }

  async function count(): Promise<void> {
    mustCount = false;
    ({ chunks, embeddedChunks } = await recorded());
  }

  function sample(): Sample {
    return { at: clock.monotonic(), settled, embedded: embeddedChunks };
  }

  function tick(): void {
    cancel = clock.after(limits.progressMs, tick, { keepAlive: false });
    // While folders are watched and nothing changes there is nothing to tell.
    if (told === figures()) return;
    // A slow consumer gets fewer events. A call that is ending tells its reason itself.
    if (!telling) tell().catch(() => undefined);
  }

  function figures(): string {
    return [counts.found, counts.allFound, counts.bytes, settled, chunks, embeddedChunks].join();
  }

  /** What searches of any process are told. */
  function note(state: IndexingState['state']): Promise<void> {
    const { found, allFound } = counts;
    const figures = { found, allFound, settled, chunks, embeddedChunks };
    const value: IndexingState = { state, ...figures, ...(state === 'interrupted' ? { final: true } : {}) };
    return store.writeSetting(indexingSetting(run.collection), value);
  }

  async function tell(): Promise<void> {
    telling = true;
    told = figures();
    const now = sample();
    const [first = now] = samples;
    samples = [...samples, now].slice(-windowEvents);
    const seconds = (now.at - first.at) / 1_000;
    const rate = (items: number): number | null => (seconds > 0 ? Math.round((Math.max(0, items) / seconds) * 100) / 100 : null);
    const reading = rate(now.settled - first.settled);
    const embedding = rate(now.embedded - first.embedded);
    const inStage = stage === 'reading' ? reading : embedding;
    const left = stage === 'reading' ? counts.found - settled : chunks - embeddedChunks;
    const isKnown = stage === 'embedding' || counts.allFound;
    const { found, reading: working, prepared } = waiting();
    try {
      await run.emit({
        type: 'ingest-progress',
        stage,
        found: counts.found,
        allFound: counts.allFound,
        settled,
        bytesRead: counts.bytes,
        chunks,
        embeddedChunks,
        itemsPerSecond: inStage,
        remainingMs: !isKnown ? null : left <= 0 ? 0 : inStage === null || inStage === 0 ? null : Math.round((left / inStage) * 1_000),
        failed: counts.failed + counts.quarantined,
        stages: {
          read: { waiting: found, working, perSecond: reading },
          commit: { waiting: prepared },
          embed: { waiting: run.options.embed === false ? 0 : Math.max(0, chunks - embeddedChunks), perSecond: embedding },
        },
      });
      // A consumer that was slow may have held this until the call had ended.
      if (++events % eventsPerNote === 0 && !isOver) await note('running');
    } finally {
      telling = false;
    }
  }

  return {
    settled() {
      settled += 1;
    },
    added(more) {
      chunks += more;
    },
    async embedded(more) {
      if (mustCount) await count();
      else embeddedChunks = Math.min(embeddedChunks + more, chunks);
      return { embeddedChunks, remainingChunks: Math.max(0, chunks - embeddedChunks) };
    },
    async endReading() {
      mustCount = true;
      await tell();
      stage = 'embedding';
      samples = [sample()];
      if (run.options.embed === false) cancel();
    },
    async endEmbedding() {
      if (mustCount) await count();
      await tell();
      cancel();
    },
    async stop(whole) {
      isOver = true;
      cancel();
      // Watching is always ended; where vectors are for later, all that it was to do may be done.
      const isDone = run.options.embed === false && counts.allFound && settled >= counts.found;
      if (whole || isDone) await store.writeSetting(indexingSetting(run.collection), null);
      // A record that takes nothing any more has told why already; the next writer makes this note.
      else await note('interrupted').catch(() => undefined);
    },
  };
}
