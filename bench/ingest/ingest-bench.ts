import { execFile, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text as readAll } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { open } from 'millrace';
import { alignColumns } from '../../src/util/align-columns.ts';
import { describeMachine } from '../machine.ts';
import type { Reporting } from '../output.ts';
import { pairedRatio, summarise, type Summary } from '../statistics.ts';
import type { IngestFigures, IngestTask } from './child.ts';
import { type LargeFormat, writeLargeText } from './large-text.ts';

export const partNames = ['throughput', 'again', 'memory', 'large-text', 'turns', 'tokens'] as const;
export type PartName = (typeof partNames)[number];

export interface IngestBenchOptions extends Reporting {
  /** With `ir-scifact/corpus.jsonl.gz`. */
  readonly data: string;
  readonly parts: readonly PartName[];
  readonly documents: number;
  readonly memoryDocuments: readonly number[];
  readonly tokenDocuments: number;
  /** Of the one large file of each format, bytes. */
  readonly largeBytes: number;
  readonly largeFormats: readonly LargeFormat[];
  readonly runs: number;
  readonly embedder: string;
  /** A Python with llama-index-core. */
  readonly llamaIndex?: string;
}

interface Contestant {
  readonly label: string;
  run(number: number): Promise<{ readonly documents: number; readonly chunks: number; readonly ms: number; readonly peakBytes: number }>;
}

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const rival = fileURLToPath(new URL('../rivals/llama_index_ingest.py', import.meta.url));
const dimensions = 256;
/** Tokens of one chunk on both sides: what ours makes of an embedder of 256 tokens. */
const chunkTokens = 180;

/** Every part that was asked for, one after the other; tables as they come, all figures at the end. */
export async function runIngestBench(options: IngestBenchOptions) {
  const root = await mkdtemp(path.join(tmpdir(), 'millrace-bench-ingest-'));
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  options.print(
    `${Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}\n`,
  );
  try {
    const texts = path.join(root, 'texts.jsonl');
    const found = await prepareTexts(path.join(options.data, 'ir-scifact', 'corpus.jsonl.gz'), texts);
    const bench = { ...options, root, texts, documents: Math.min(options.documents, found) };
    const results: Partial<Record<PartName, unknown>> = {};
    for (const part of options.parts) {
      options.signal.throwIfAborted();
      results[part] = await parts[part](bench);
    }
    const { signal: _signal, print: _print, progress: _progress, ...settings } = options;
    return { startedAt, machine, settings: { ...settings, dimensions, chunkTokens }, results };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

type Bench = IngestBenchOptions & { readonly root: string; readonly texts: string };

const parts: Readonly<Record<PartName, (bench: Bench) => Promise<unknown>>> = {
  throughput,
  again,
  memory,
  'large-text': largeText,
  turns,
  tokens,
};

async function prepareTexts(corpus: string, target: string): Promise<number> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(corpus).pipe(createGunzip()) })) {
    const { _id: id, title, text } = JSON.parse(line) as { readonly _id: string; readonly title: string; readonly text: string };
    lines.push(JSON.stringify({ id, text: `${title}\n\n${text}` }));
  }
  await writeFile(target, `${lines.join('\n')}\n`);
  return lines.length;
}

/** Documents a second, in alternating runs, each in a process and a directory of its own. */
async function throughput(bench: Bench) {
  const ours = (label: string, durability: IngestTask['durability'], isolation: boolean): Contestant => ({
    label,
    run: (number) =>
      ingestOnce(bench, {
        directory: path.join(bench.root, `${label}-${number}`),
        texts: bench.texts,
        documents: bench.documents,
        durability,
        isolation,
      }),
  });
  const contestants: Contestant[] = [
    ours('millrace, durable, isolated', 'full', true),
    ours('millrace, durable, not isolated', 'full', false),
    ours('millrace, neither', 'none', false),
    ...(bench.llamaIndex === undefined ? [] : [llamaIndex(bench, bench.llamaIndex)]),
  ];
  const measured = contestants.map(({ label }) => ({ label, rates: [] as number[], chunks: 0, peakBytes: 0 }));
  for (let run = 0; run < bench.runs; run += 1) {
    for (let turn = 0; turn < contestants.length; turn += 1) {
      const place = (run + turn) % contestants.length;
      const { label, run: ingest } = contestants[place]!;
      bench.progress(`${label}, run ${run + 1} of ${bench.runs}`);
      const { documents, chunks, ms, peakBytes } = await ingest(run);
      const entry = measured[place]!;
      entry.rates.push((documents / ms) * 1_000);
      entry.chunks = chunks;
      entry.peakBytes = Math.max(entry.peakBytes, peakBytes);
    }
  }
  const first = measured[0]!;
  const rows = measured.map(({ label, rates, chunks, peakBytes }) => [
    label,
    spread(summarise(rates), 0),
    label === first.label ? '' : spread(pairedRatio(first.rates, rates), 2),
    String(chunks),
    megabytes(peakBytes),
  ]);
  table(bench, `Ingestion of ${bench.documents} texts`, [['', 'documents/s', 'first/this', 'chunks', 'peak MB'], ...rows]);
  return measured;
}

function llamaIndex(bench: Bench, python: string): Contestant {
  let version = '';
  return {
    label: 'LlamaIndex',
    async run(number) {
      const texts = path.join(bench.root, 'rival.jsonl');
      const lines = (await readFile(bench.texts, 'utf8')).split('\n').slice(0, bench.documents);
      await writeFile(texts, lines.join('\n'));
      const target = path.join(bench.root, `llama-index-${number}`);
      const { stdout } = await promisify(execFile)(python, [rival, texts, target, String(chunkTokens), String(dimensions)], {
        signal: bench.signal,
      });
      await rm(target, { recursive: true, force: true });
      const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Awaited<ReturnType<Contestant['run']>> & {
        readonly version: string;
      };
      if (version !== result.version)
        bench.print(`LlamaIndex ${result.version}: SentenceSplitter(${chunkTokens}, overlap 0), MockEmbedding(${dimensions}), persist()\n`);
      version = result.version;
      return result;
    },
  };
}

/** A folder ingested again, unchanged and with a changed tenth: with vectors that cost nothing, and with the real embedder. */
async function again(bench: Bench) {
  const lines = (await readFile(bench.texts, 'utf8')).split('\n');
  const mock = path.join(bench.root, 'again');
  const task = { directory: mock, folder: `${mock}-folder`, documents: 0, durability: 'full', isolation: true } as const;
  const withMock = await ingestThrice(task.folder, lines.slice(0, bench.documents), () => ingestOnce(bench, task, true));
  const real = path.join(bench.root, 'again-real');
  const withReal = await ingestThrice(`${real}-folder`, lines.slice(0, bench.tokenDocuments), async () => {
    const mill = await open({ directory: real, embedder: bench.embedder });
    try {
      // Loading weights is no part of it.
      await mill.embedMany(['warm'], { kind: 'passage' });
      const begun = performance.now();
      const { indexed, skipped } = await mill.ingest([`${real}-folder`]).result();
      return { ms: performance.now() - begun, documents: indexed, skipped };
    } finally {
      await mill.close();
    }
  });
  for (const [label, figures] of Object.entries({ 'vectors that cost nothing': withMock, [bench.embedder]: withReal })) {
    const row = (name: string, { ms, documents, skipped }: RunFigures): string[] => {
      return [name, ms.toFixed(0), `${((ms / figures.first.ms) * 100).toFixed(1)} %`, String(documents), String(skipped)];
    };
    table(bench, `A folder of ${figures.files} files, again (${label})`, [
      ['', 'ms', 'share', 'indexed', 'skipped'],
      row('first', figures.first),
      row('unchanged', figures.unchanged),
      row('a tenth edited', figures.tenth),
    ]);
  }
  return { withMock, withReal };
}

type RunFigures = Pick<IngestFigures, 'ms' | 'documents' | 'skipped'>;

async function ingestThrice(folder: string, lines: readonly string[], ingest: () => Promise<RunFigures>) {
  await mkdir(folder);
  for (const line of lines) await writeText(folder, line, '');
  const first = await ingest();
  const unchanged = await ingest();
  for (const line of lines.filter((_, index) => index % 10 === 0)) await writeText(folder, line, ' Edited.');
  return { files: lines.length, first, unchanged, tenth: await ingest() };
}

async function writeText(folder: string, line: string, edit: string): Promise<void> {
  const { id, text } = JSON.parse(line) as { readonly id: string; readonly text: string };
  const file = path.join(folder, `${id}.txt`);
  await writeFile(file, `${text}${edit}`);
  // A file of this moment is read again: it may be written to without a new time.
  const old = Date.now() / 1_000 - 3_600 - Math.random() * 60;
  await utimes(file, old, old);
}

/** Resident memory of the main process, all of its threads included; parser processes are not. */
async function memory(bench: Bench) {
  const measured: { documents: number; peakBytes: number; ms: number }[] = [];
  for (const documents of bench.memoryDocuments) {
    bench.progress(`memory, ${documents} documents`);
    const directory = path.join(bench.root, `memory-${documents}`);
    const { peakBytes, ms } = await ingestOnce(bench, {
      directory,
      texts: bench.texts,
      documents,
      durability: 'full',
      isolation: true,
      samplesMemory: true,
    });
    measured.push({ documents, peakBytes, ms });
  }
  table(bench, 'Memory of the main process', [
    ['documents', 'peak MB', 'to the first', 's'],
    ...measured.map(({ documents, peakBytes, ms }) => [
      String(documents),
      megabytes(peakBytes),
      `${((peakBytes / measured[0]!.peakBytes - 1) * 100).toFixed(1)} %`,
      (ms / 1_000).toFixed(1),
    ]),
  ]);
  return measured;
}

/** One large file alone, in a directory of its own. */
async function largeText(bench: Bench) {
  const measured: (IngestFigures & { readonly format: LargeFormat; readonly bytes: number })[] = [];
  for (const format of bench.largeFormats) {
    bench.progress(`large text, ${format}`);
    const folder = await writeLargeText(bench.texts, bench.root, format, bench.largeBytes);
    const task = {
      directory: path.join(bench.root, `large-${format}`),
      folder,
      documents: 1,
      durability: 'full',
      isolation: true,
    } as const;
    const figures = await ingestOnce(bench, { ...task, samplesMemory: true });
    measured.push({ format, bytes: (await stat(folder)).size, ...figures });
    await rm(folder);
  }
  table(bench, 'One large file', [
    ['format', 'MB', 'chunks', 'on record, s', 'all, s', 'main process, MB', 'parser process, MB', 'longest turn, ms of CPU'],
    ...measured.map(({ format, bytes, chunks, committedMs, ms, peakBytes, childPeakBytes, longestTurnCpuMs }) => [
      format,
      megabytes(bytes),
      String(chunks),
      (committedMs / 1_000).toFixed(1),
      (ms / 1_000).toFixed(1),
      megabytes(peakBytes),
      megabytes(childPeakBytes),
      longestTurnCpuMs.toFixed(1),
    ]),
  ]);
  return measured;
}

/** Questions to the process that ingests. */
async function turns(bench: Bench) {
  const task = {
    directory: path.join(bench.root, 'turns'),
    texts: bench.texts,
    documents: bench.documents,
    durability: 'full',
    isolation: true,
    askEveryMs: 100,
  } as const;
  const figures = await ingestOnce(bench, task);
  table(bench, 'The process that answers while it ingests', [
    ['', ''],
    ['longest own turn, ms of CPU (at most)', figures.longestTurnCpuMs.toFixed(1)],
    ['longest delay of a timer, ms of wall time', figures.longestDelayMs.toFixed(1)],
    ['questions answered meanwhile', String(figures.answered)],
  ]);
  return figures;
}

/** Tokens a second of the real embedder inside a whole ingestion, beside the same texts embedded alone. */
async function tokens(bench: Bench) {
  const lines = (await readFile(bench.texts, 'utf8')).split('\n').slice(0, bench.tokenDocuments);
  // One chunk each, so that both sides embed the same texts.
  const sources = lines.map((line) => {
    const { id, text } = JSON.parse(line) as { readonly id: string; readonly text: string };
    return { id, text: text.slice(0, 600).replaceAll(/\s+/gu, ' ') };
  });
  const shares: number[] = [];
  const rates: { alone: number; whole: number }[] = [];
  for (let run = 0; run < bench.runs; run += 1) {
    bench.progress(`tokens, run ${run + 1} of ${bench.runs}`);
    const { count, aloneMs, wholeMs } = await embedBoth(bench, run, sources);
    shares.push(aloneMs / wholeMs);
    rates.push({ alone: (count / aloneMs) * 1_000, whole: (count / wholeMs) * 1_000 });
  }
  table(bench, `Tokens/s of ${bench.embedder}, ${sources.length} texts`, [
    ['', 'tokens/s', 'share'],
    ['embedded alone', spread(summarise(rates.map(({ alone }) => alone)), 0), ''],
    ['whole ingestion', spread(summarise(rates.map(({ whole }) => whole)), 0), spread(summarise(shares), 3)],
  ]);
  return { rates, share: summarise(shares) };
}

async function embedBoth(bench: Bench, run: number, sources: readonly { readonly id: string; readonly text: string }[]) {
  const mill = await open({ directory: path.join(bench.root, `tokens-${run}`), embedder: bench.embedder });
  let count = 0;
  const alone = async (): Promise<number> => {
    const begun = performance.now();
    await mill.embedMany(
      sources.map(({ text }) => text),
      { kind: 'passage' },
    );
    return performance.now() - begun;
  };
  const whole = async (): Promise<number> => {
    const begun = performance.now();
    for await (const event of mill.ingest(sources)) if (event.type === 'vectors-committed') count += event.tokens;
    return performance.now() - begun;
  };
  try {
    await mill.embedMany(['warm'], { kind: 'passage' });
    // The one that goes first changes from run to run.
    const before = run % 2 === 0 ? await alone() : 0;
    const wholeMs = await whole();
    return { count, wholeMs, aloneMs: run % 2 === 0 ? before : await alone() };
  } finally {
    await mill.close();
  }
}

async function ingestOnce(bench: Bench, task: Omit<IngestTask, 'dimensions'>, keep = false): Promise<IngestFigures> {
  const running = spawn(
    process.execPath,
    ['--max-semi-space-size=8', child, JSON.stringify({ ...task, dimensions } satisfies IngestTask)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      signal: bench.signal,
      // Flag and variable are those of the command line; the cache keeps what is stripped of types here, which takes 17 MB of memory.
      env: { ...process.env, MALLOC_ARENA_MAX: '2', NODE_COMPILE_CACHE: path.join(tmpdir(), 'millrace-bench-compiled') },
    },
  );
  const failed = new Promise<never>((_, reject) => running.once('error', reject));
  const output = await Promise.race([readAll(running.stdout), failed]);
  if (!keep) await rm(task.directory, { recursive: true, force: true });
  return JSON.parse(output) as IngestFigures;
}

function table({ print }: Bench, title: string, rows: readonly (readonly string[])[]): void {
  print(`\n${title}\n${alignColumns(rows)}\n`);
}

function spread({ median, minimum, maximum }: Summary, digits: number): string {
  return `${median.toFixed(digits)} (${minimum.toFixed(digits)}–${maximum.toFixed(digits)})`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
