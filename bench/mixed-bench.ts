import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Mill, open, openEngine } from '../src/index.ts';
import { alignColumns } from '../src/util/align-columns.ts';
import { type Closing, closingAfter } from './closing.ts';
import { describeMachine } from './machine.ts';
import { modelPath } from './model-path.ts';
import { ownVersion } from './our-engine.ts';
import type { Reporting } from './output.ts';
import { createJobs } from './question-jobs.ts';
import { readQuestionSet } from './question-set.ts';
import { startGeneratingServer, type StreamingContestant } from './rivals/llama-server.ts';
import { summarise, type Summary } from './statistics.ts';

export interface MixedBenchOptions extends Reporting {
  readonly data: string;
  readonly model: string;
  readonly threads: number;
  /** Interactive questions, and the time between two of them. */
  readonly count: number;
  readonly everyMs: number;
  /** How long the batch runs alone: half of it before the questions, half after them, so that a machine that gets slower or faster favours neither. */
  readonly aloneMs: number;
  readonly llamaServer?: string;
  readonly home?: string;
}

/** First token of interactive questions while a batch fills the machine, and what they cost the batch. */
export interface MixedFigures {
  readonly name: string;
  readonly version: string;
  readonly flags: string;
  readonly idleFirstTokenMs: Summary;
  readonly mixedFirstTokenMs: Summary;
  /** To the end of the answer. */
  readonly idleAnswerMs: Summary;
  readonly mixedAnswerMs: Summary;
  /** Computed tokens per second of the batch alone (before and after, and the mean of both), and beside the questions; those of the questions. */
  readonly batchBefore: number;
  readonly batchAfter: number;
  readonly batchAlone: number;
  readonly batchBeside: number;
  readonly interactive: number;
  /** Share of the batch's rate that neither it nor the questions had. */
  readonly lost: number;
}

export interface MixedResult {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly contestants: readonly MixedFigures[];
}

const shape = { limit: 3, contextTokens: 600, maxTokens: 48 };
/** All passages in one prompt, as the rivals get them, and nothing that was computed before. */
const asking = { ...shape, mode: 'text', cache: false, pipeline: { context: { mode: 'joined' }, verify: { by: 'none' } } } as const;
const atOnce = 8;
const sequenceTokens = 1_536;

interface Asked {
  readonly firstTokenMs: number;
  readonly answerMs: number;
  readonly computedTokens: number;
}

/** One side: it answers single questions and runs a batch. */
interface Contestant {
  readonly name: string;
  readonly version: string;
  readonly flags: string;
  ask(question: string, signal: AbortSignal): Promise<Asked>;
  /** Works on the questions until it is aborted. */
  batch(questions: readonly string[], signal: AbortSignal): Promise<void>;
  /** Tokens computed so far, whoever asked for them. */
  computedTokens(): Promise<number>;
}

export async function runMixedBench(options: MixedBenchOptions): Promise<MixedResult> {
  const { model, threads, count, everyMs, aloneMs } = options;
  const head = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    settings: { model, threads, questions: count, everyMs, aloneMs, 'batch at once': atOnce },
  };
  const contestants: MixedFigures[] = [];
  await closingAfter(async (stack) => {
    const set = await readQuestionSet('scifact', options.data);
    const mill = await openMill(stack, set.documents, options);
    const sides = [ours(mill, `${atOnce} questions at once`)];
    if (options.llamaServer !== undefined) sides.push(await llamaServer(stack, mill, options.llamaServer, options));
    options.print(
      `${Object.entries({ ...head.machine, ...head.settings })
        .map((field) => field.join(' '))
        .join(' · ')}\n\n`,
    );
    for (const side of sides) {
      const figures = await measure(side, set.questions, options).catch((error: unknown) => {
        if (!options.signal.aborted) throw error;
      });
      if (figures === undefined) break;
      contestants.push(figures);
      options.print(`${table([figures])}\n\n`);
    }
  });
  return { ...head, contestants };
}

async function openMill(
  stack: Closing,
  documents: Parameters<Mill['ingest']>[0],
  { model, threads, home, signal, progress }: MixedBenchOptions,
): Promise<Mill> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  // One sequence more than the batch has in work, for the question beside it.
  const sequences = atOnce + 1;
  const kvTokens = sequences * sequenceTokens;
  const place = { directory: join(folder, 'mixed'), ...(home === undefined ? {} : { home }) };
  const mill = stack.use(
    await open({ ...place, generator: model, threads, sequences, kvTokens, idleReading: false, prefixMemoryBytes: 0, prefixDiskBytes: 0 }),
  );
  progress('ingesting');
  await mill.ingest(documents, { embed: false, signal }).result();
  return mill;
}

async function measure(side: Contestant, questions: readonly string[], options: MixedBenchOptions): Promise<MixedFigures> {
  const { count, everyMs, aloneMs, signal, progress } = options;
  const [idle, mixed, batch] = [questions.slice(0, count), questions.slice(count, 2 * count), questions.slice(2 * count)];
  await side.ask(questions.at(-1)!, signal);
  const idleAsked: Asked[] = [];
  for (const [index, question] of idle.entries()) {
    progress(`${side.name}: question ${index + 1} of ${count} alone`);
    idleAsked.push(await side.ask(question, signal));
  }
  const ending = new AbortController();
  const running = side.batch(batch, AbortSignal.any([signal, ending.signal])).catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  try {
    const rateOver = async (work: () => Promise<number>): Promise<{ rate: number; interactive: number }> => {
      const [startedAt, before] = [performance.now(), await side.computedTokens()];
      const interactive = await Promise.race([work(), running.then(() => Promise.reject(new Error('The batch ended before its time.')))]);
      const seconds = (performance.now() - startedAt) / 1_000;
      const tokens = (await side.computedTokens()) - before;
      return { rate: (tokens - interactive) / seconds, interactive: interactive / seconds };
    };
    // The first requests start together; their steps are not typical.
    progress(`${side.name}: the batch begins`);
    await setTimeout(aloneMs / 4, undefined, { signal });
    const byItself = (): ReturnType<typeof rateOver> => {
      progress(`${side.name}: the batch alone`);
      return rateOver(() => setTimeout(aloneMs / 2, 0, { signal }));
    };
    const before = await byItself();
    const mixedAsked: Asked[] = [];
    const beside = await rateOver(async () => {
      let tokens = 0;
      for (const [index, question] of mixed.entries()) {
        progress(`${side.name}: question ${index + 1} of ${count} beside the batch`);
        const pause = setTimeout(everyMs, undefined, { signal });
        const asked = await side.ask(question, signal);
        mixedAsked.push(asked);
        tokens += asked.computedTokens;
        await pause;
      }
      return tokens;
    });
    const after = await byItself();
    const alone = (before.rate + after.rate) / 2;
    return {
      name: side.name,
      version: side.version,
      flags: side.flags,
      idleFirstTokenMs: summarise(idleAsked.map(({ firstTokenMs }) => firstTokenMs)),
      mixedFirstTokenMs: summarise(mixedAsked.map(({ firstTokenMs }) => firstTokenMs)),
      idleAnswerMs: summarise(idleAsked.map(({ answerMs }) => answerMs)),
      mixedAnswerMs: summarise(mixedAsked.map(({ answerMs }) => answerMs)),
      batchBefore: before.rate,
      batchAfter: after.rate,
      batchAlone: alone,
      batchBeside: beside.rate,
      interactive: beside.interactive,
      lost: 1 - (beside.rate + beside.interactive) / alone,
    };
  } finally {
    ending.abort();
    await running;
  }
}

function ours(mill: Mill, flags: string): Contestant {
  return {
    name: 'millrace',
    version: ownVersion(),
    flags,
    async ask(question, signal) {
      const startedAt = performance.now();
      let firstTokenMs: number | undefined;
      const stream = mill.ask(question, { ...asking, signal });
      for await (const event of stream) if (event.type === 'answer-delta') firstTokenMs ??= performance.now() - startedAt;
      const { usage } = await stream.result();
      if (firstTokenMs === undefined) throw new Error('An answer had no text.');
      const computedTokens = usage.promptTokens - usage.cachedTokens + usage.outputTokens;
      return { firstTokenMs, answerMs: performance.now() - startedAt, computedTokens };
    },
    async batch(questions, signal) {
      await mill.askMany(endless(questions), { ...asking, concurrency: atOnce, durable: false, signal }).result();
    },
    async computedTokens() {
      const metrics = await mill.metrics();
      const total = (kind: string): number =>
        Number(new RegExp(`^millrace_engine_tokens_total\\{kind="${kind}"\\} (.+)$`, 'm').exec(metrics)?.[1] ?? 0);
      return total('prefill') + total('decode');
    },
  };
}

function* endless(questions: readonly string[]): Generator<string> {
  for (;;) yield* questions;
}

async function llamaServer(stack: Closing, mill: Mill, path: string, options: MixedBenchOptions): Promise<Contestant> {
  const { model, threads, home, signal } = options;
  const sequences = atOnce + 1;
  const kvTokens = sequences * sequenceTokens;
  const server: StreamingContestant = await startGeneratingServer({
    path,
    modelPath: await modelPath(model, home),
    threads,
    slots: sequences,
    kvTokens,
    extraFlags: [],
    signal,
  });
  stack.defer(() => server.close());
  const engine = stack.use(await openEngine({ generator: model, threads: 1, sequences: 1, ...(home === undefined ? {} : { home }) }));
  const jobsOf = createJobs(mill, engine.generator!.tokenizer, shape);
  let computed = 0;

  async function answer(question: string, during: AbortSignal): Promise<Asked> {
    const startedAt = performance.now();
    const [job] = await jobsOf([question]);
    const prepared = performance.now() - startedAt;
    const { firstTokenMs, usage } = await server.answer(job!, during);
    const computedTokens = usage.promptTokens - usage.cachedTokens + usage.outputTokens;
    computed += computedTokens;
    return { firstTokenMs: prepared + firstTokenMs, answerMs: performance.now() - startedAt, computedTokens };
  }

  return {
    name: server.name,
    version: server.version,
    flags: server.flags,
    ask: answer,
    async batch(questions, during) {
      const rest = endless(questions);
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (const question of rest) await answer(question, during);
        }),
      );
    },
    computedTokens: () => Promise.resolve(computed),
  };
}

function table(contestants: readonly MixedFigures[]): string {
  const ms = ({ median, maximum }: Summary): string => `${median.toFixed(0)} (max ${maximum.toFixed(0)})`;
  const rows = contestants.map((one) => [
    `${one.name} ${one.version}`,
    ms(one.idleFirstTokenMs),
    ms(one.mixedFirstTokenMs),
    (one.mixedFirstTokenMs.median / one.idleFirstTokenMs.median).toFixed(2),
    `${ms(one.idleAnswerMs)} → ${ms(one.mixedAnswerMs)}`,
    `${one.batchAlone.toFixed(0)} (${one.batchBefore.toFixed(0)}, ${one.batchAfter.toFixed(0)})`,
    one.batchBeside.toFixed(0),
    one.interactive.toFixed(0),
    `${(100 * one.lost).toFixed(1)} %`,
  ]);
  const headers = [
    '',
    'first token alone, ms',
    'beside the batch, ms',
    'times',
    'whole answer, ms',
    'batch alone, tok/s',
    'batch beside',
    'questions',
    'lost',
  ];
  return alignColumns([headers, ...rows]);
}
