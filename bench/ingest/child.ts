import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createFakeEmbedder, openFakeMill } from '../../src/testing/index.ts';
import type { HandedSource, IngestSource } from '../../src/index.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createTurnMonitor } from '../../src/util/turn-monitor.ts';

/** One ingestion in a process of its own, with the fake embedder. Prints its figures as JSON. */
export interface IngestTask {
  readonly directory: string;
  /** JSONL of `{id, text}`, read as a stream so that the process holds none of it. */
  readonly texts?: string;
  readonly folder?: string;
  /** Repeats the texts under new ids until there are so many documents. */
  readonly documents: number;
  readonly dimensions: number;
  readonly durability: 'full' | 'none';
  readonly isolation: boolean;
  /** Asks a question all the while, every so many ms. */
  readonly askEveryMs?: number;
}

export interface IngestFigures {
  readonly documents: number;
  readonly skipped: number;
  readonly chunks: number;
  readonly ms: number;
  readonly peakBytes: number;
  readonly answered: number;
  readonly longestTurnCpuMs: number;
  readonly longestDelayMs: number;
}

async function* repeated({ texts = '', documents }: IngestTask): AsyncGenerator<HandedSource> {
  for (let number = 0; number < documents;) {
    for await (const line of createInterface({ input: createReadStream(texts) })) {
      if (number >= documents) return;
      const { id, text } = JSON.parse(line) as { readonly id: string; readonly text: string };
      // Every document is one of its own: equal texts would share one.
      yield { id: `${number}-${id}`, text: `${text} (${number})` };
      number += 1;
    }
  }
}

async function run(task: IngestTask): Promise<IngestFigures> {
  const embedder = createFakeEmbedder({ clock: systemClock, dimensions: task.dimensions });
  const { directory, durability, isolation } = task;
  const mill = await openFakeMill({ directory, clock: systemClock, embedders: [embedder], durability, isolation });
  const turns = createTurnMonitor(systemClock);
  let peakBytes = 0;
  let longestTurnCpuMs = 0;
  let longestDelayMs = 0;
  let answered = 0;
  let over = false;
  const sampling = (async () => {
    while (!over) {
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
      await systemClock.sleep(50);
    }
  })();
  const asking = (async () => {
    while (!over && task.askEveryMs !== undefined) {
      await mill.ask('What tells about cells in the brain?', { quotesOnly: true }).result();
      answered += 1;
      await systemClock.sleep(task.askEveryMs);
    }
  })();
  const begun = performance.now();
  const sources: Iterable<IngestSource> | AsyncIterable<IngestSource> = task.folder === undefined ? repeated(task) : [task.folder];
  const { indexed, skipped, chunks } = await mill.ingest(sources).result();
  const ms = performance.now() - begun;
  over = true;
  await Promise.all([sampling, asking]);
  const read = turns.read();
  longestTurnCpuMs = read.longestTurnCpuMs ?? 0;
  longestDelayMs = read.delayMs.max;
  turns.stop();
  await mill.close();
  return { documents: indexed, skipped, chunks, ms, peakBytes, answered, longestTurnCpuMs, longestDelayMs };
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? '{}') as IngestTask))}\n`);
