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
  /** Nothing is told any more. */
  stop(): void;
}

/** Rates are those of the last so many events. */
const windowEvents = 20;

export async function createProgress(run: IngestRun): Promise<Progress> {
  const { counts, limits } = run;
  const { clock, store } = run.parts;
  let stage: 'reading' | 'embedding' = 'reading';
  let settled = 0;
  let { chunks, embeddedChunks } = await recorded();
  /** Documents that were replaced make the sums wrong; they are counted anew when reading is over. */
  let mustCount = false;
  let samples = [{ at: clock.monotonic(), items: 0 }];
  let telling = false;
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

  function tick(): void {
    cancel = clock.after(limits.progressMs, tick, { keepAlive: false });
    // A slow consumer gets fewer events. A call that is ending tells its reason itself.
    if (!telling) tell().catch(() => undefined);
  }

  async function tell(): Promise<void> {
    telling = true;
    const now = { at: clock.monotonic(), items: stage === 'reading' ? settled : embeddedChunks };
    const [first = now] = samples;
    samples = [...samples, now].slice(-windowEvents);
    const seconds = (now.at - first.at) / 1_000;
    const rate = seconds > 0 ? Math.max(0, now.items - first.items) / seconds : null;
    const left = stage === 'reading' ? counts.found - settled : chunks - embeddedChunks;
    const isKnown = stage === 'embedding' || counts.allFound;
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
        itemsPerSecond: rate === null ? null : Math.round(rate * 100) / 100,
        remainingMs: !isKnown ? null : left <= 0 ? 0 : rate === null || rate === 0 ? null : Math.round((left / rate) * 1_000),
      });
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
      samples = [{ at: clock.monotonic(), items: embeddedChunks }];
      if (run.options.embed === false) cancel();
    },
    async endEmbedding() {
      if (mustCount) await count();
      await tell();
      cancel();
    },
    stop() {
      cancel();
    },
  };
}
