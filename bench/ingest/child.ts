import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createFakeEmbedder, openFakeMill } from 'millrace/testing';
import type { Embedder, HandedSource, IngestSource } from 'millrace';
import { boundHeap } from '../../src/util/bound-heap.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createTurnMonitor } from '../../src/util/turn-monitor.ts';

/** One ingestion by the built package in a process of its own, with the fake embedder. Prints its figures as JSON. */
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
  /** Looks at its memory all the while, which takes time. */
  readonly samplesMemory?: boolean;
  /** Asks a question all the while, every so many ms. */
  readonly askEveryMs?: number;
}

export interface IngestFigures {
  readonly documents: number;
  readonly skipped: number;
  readonly chunks: number;
  readonly ms: number;
  /** Of resident memory; with `samplesMemory` without what is mapped from the vector index. */
  readonly peakBytes: number;
  /** Largest peak of a parser process, with `samplesMemory`; 0 where the operating system does not tell. */
  readonly childPeakBytes: number;
  /** Until the last document was on record. */
  readonly committedMs: number;
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

/** Numbers that vectors are cut from. */
const numbers = 65_536;

/**
 * Takes calls as large as the real embedder does, and costs nothing, as the mock of the other side: vectors are pieces of one list, no two
 * of one call alike, and tokens are words between white space.
 */
function createMockEmbedder(dimensions: number): Embedder {
  let state = 1;
  const pool = Float32Array.from({ length: numbers + dimensions }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  });
  let next = 0;
  const fake = createFakeEmbedder({ clock: systemClock, dimensions });
  return {
    ...fake,
    tokenizer: { ...fake.tokenizer, countTokens: (texts) => Promise.resolve(Uint32Array.from(texts, countWords)) },
    limits: { batchTokens: 4_096, batchItems: 256 },
    embed(texts) {
      return Promise.resolve(
        texts.map(() => {
          next = (next + 97) % numbers;
          return pool.subarray(next, next + dimensions);
        }),
      );
    },
  };
}

function countWords(text: string): number {
  let words = 0;
  let inside = false;
  for (let index = 0; index < text.length; index += 1) {
    const isWhite = text.charCodeAt(index) <= 0x20;
    if (!isWhite && !inside) words += 1;
    inside = !isWhite;
  }
  return words;
}

/** Pages of the vector index that are mapped from its file: the operating system takes them back when it needs them. 0 where it does not tell. */
function mappedIndexBytes(directory: string): number {
  if (process.platform !== 'linux') return 0;
  let bytes = 0;
  let isIndex = false;
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) isIndex = line.includes(`${directory}/index/`);
    else if (isIndex && line.startsWith('Rss:')) bytes += Number(/\d+/.exec(line)?.[0]) * 1024;
  }
  return bytes;
}

/** The largest peak of resident memory of the processes below one. */
function childPeak(pid: number | 'self'): number {
  if (process.platform !== 'linux') return 0;
  let peak = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      for (const child of readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean)) {
        const kilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child}/status`, 'latin1'))?.[1] ?? 0);
        peak = Math.max(peak, kilobytes * 1024, childPeak(Number(child)));
      }
    }
  } catch {
    // One of them has ended meanwhile.
  }
  return peak;
}

async function run(task: IngestTask): Promise<IngestFigures> {
  const embedder = createMockEmbedder(task.dimensions);
  const { directory, durability, isolation } = task;
  const mill = await openFakeMill({ directory, clock: systemClock, embedders: [embedder], durability, isolation });
  const turns = createTurnMonitor(systemClock);
  let peakBytes = 0;
  let childPeakBytes = 0;
  let committedMs = 0;
  let longestTurnCpuMs = 0;
  let longestDelayMs = 0;
  let answered = 0;
  let over = false;
  const sampling = (async () => {
    for (let sample = 0, mapped = 0; !over && task.samplesMemory === true; sample += 1) {
      if (sample % 20 === 0) mapped = mappedIndexBytes(directory);
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss() - mapped);
      childPeakBytes = Math.max(childPeakBytes, childPeak('self'));
      await systemClock.sleep(100);
    }
  })();
  const asking = (async () => {
    while (!over && task.askEveryMs !== undefined) {
      await mill.ask('What tells about cells in the brain?', { quotesOnly: true }).result();
      answered += 1;
      await systemClock.sleep(task.askEveryMs);
    }
  })();
  // As the command line does.
  boundHeap();
  const begun = performance.now();
  const sources: Iterable<IngestSource> | AsyncIterable<IngestSource> = task.folder === undefined ? repeated(task) : [task.folder];
  const ingestion = mill.ingest(sources);
  for await (const { type } of ingestion) if (type === 'document-committed') committedMs = performance.now() - begun;
  const { indexed, skipped, chunks } = await ingestion.result();
  const ms = performance.now() - begun;
  over = true;
  await Promise.all([sampling, asking]);
  const read = turns.read();
  longestTurnCpuMs = read.longestTurnCpuMs ?? 0;
  longestDelayMs = read.delayMs.max;
  turns.stop();
  if (task.samplesMemory !== true) peakBytes = process.resourceUsage().maxRSS * 1024;
  await mill.close();
  return { documents: indexed, skipped, chunks, ms, peakBytes, childPeakBytes, committedMs, answered, longestTurnCpuMs, longestDelayMs };
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? '{}') as IngestTask))}\n`);
