import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KvMode, type Mill, open, openEngine, type Prompt, type Tokenizer } from '../src/index.ts';
import { type Closing, closingAfter } from './closing.ts';
import type { GenerateJob, GeneratingContestant } from './contestant.ts';
import { describeMachine } from './machine.ts';
import { type Entry, measureScenario } from './measure.ts';
import { modelPath as pathOf } from './model-path.ts';
import { ourGenerator, ownVersion } from './our-engine.ts';
import type { Reporting } from './output.ts';
import { type BenchResult, heading, scenarioTable, type ScenarioResult } from './report.ts';
import { startGeneratingServer } from './rivals/llama-server.ts';
import { tokensOfRun } from './scenarios.ts';
import { pairedRatio, summarise } from './statistics.ts';
import { articleDocuments, noteQuestions, seededDocuments, type TableDocument, tableQuestions } from './table-documents.ts';

export const tableScenarioNames = ['table', 'note'] as const;
export type TableScenarioName = (typeof tableScenarioNames)[number];

export interface TableBenchOptions extends Reporting {
  readonly scenarios: readonly TableScenarioName[];
  readonly model: string;
  readonly threads: number;
  readonly runs: number;
  readonly documents: number;
  readonly questions: number;
  readonly kvMode: KvMode;
  /** Folder with qa-xquad: its articles instead of texts made from a seed. */
  readonly data?: string;
  readonly llamaServer?: string;
  readonly home?: string;
}

const atOnce = 8;
const sequenceTokens = 1_536;
const shapes = {
  table: { from: 300, to: 1_000, maxTokens: 32 },
  note: { from: 512, to: 512, maxTokens: 12 },
} as const;
/** Without reuse a cell takes so long, and each as long as the next, that these of one document are enough to tell the rate. */
const questionsWithoutReuse = atOnce;
/** Seeds, and parts of the articles, of documents that are no entry's. */
const trialRun = -2;
const warmUpQuestions = 2;
const system = 'Fill in a table about documents. Write only the value that is asked for, or: Not in the documents.';

/** Every question for every document: the whole product, and plain requests in the best order to others. New documents in each run. */
export async function runTableBench(options: TableBenchOptions): Promise<BenchResult> {
  const { model, threads, runs, kvMode } = options;
  const head = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    settings: {
      model,
      threads,
      runs,
      'at once': atOnce,
      documents: options.data === undefined ? 'made from a seed' : 'qa-xquad',
      'KV cells': kvMode,
    },
  };
  const contestants: BenchResult['contestants'][number][] = [];
  const results: ScenarioResult[] = [];
  await closingAfter(async (stack) => {
    const opened = await openAll(stack, options);
    contestants.push(...opened.introduced);
    options.print(`${heading({ ...head, contestants })}\n\n`);
    for (const name of options.scenarios) {
      const documents = name === 'note' ? 1 : options.documents;
      const questions = name === 'note' ? noteQuestions : tableQuestions.slice(0, options.questions);
      const entries = await entriesOf(name, { ...opened, documents, questions }, options);
      const measured = await measureScenario(name, entries, options);
      if (measured.length === 0) return;
      const { from, to, maxTokens } = shapes[name];
      const rows = documents === 1 ? 'one document' : `${documents} documents`;
      const title = `${rows} of ${from === to ? to : `${from} to ${to}`} tokens, ${questions.length} questions each, at most ${maxTokens} tokens out`;
      const result: ScenarioResult = { name, title, compares: 'effective', entries: measured };
      results.push(result);
      options.print(`${scenarioTable(result)}\n${cellLines(result)}\n\n`);
    }
  });
  return { ...head, contestants, scenarios: results };
}

interface Opened {
  readonly mill: Mill;
  readonly tokenizer: Tokenizer;
  readonly engine: GeneratingContestant;
  readonly rivals: readonly GeneratingContestant[];
  readonly introduced: readonly BenchResult['contestants'][number][];
}

async function openAll(stack: Closing, options: TableBenchOptions): Promise<Opened> {
  const { model, threads, kvMode, signal } = options;
  const shared = { generator: model, threads, kvMode };
  const engineRoom = { sequences: atOnce, kvTokens: atOnce * sequenceTokens };
  // One place is kept for a question, so that the run has as many as everybody else.
  const millRoom = { sequences: atOnce + 1, kvTokens: (atOnce + 1) * sequenceTokens };
  const home = options.home === undefined ? {} : { home: options.home };
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  options.progress(`loading ${model}`);
  const mill = stack.use(await open({ directory: join(folder, 'table'), ...shared, ...millRoom, ...home }));
  const engine = stack.use(await openEngine({ ...shared, ...engineRoom, ...home }));
  const ours = ourGenerator(engine, engine.generator!, ownVersion(), kvMode);
  const rivals: GeneratingContestant[] = [];
  if (options.llamaServer !== undefined) {
    const modelPath = await pathOf(model, options.home);
    const slots = { slots: atOnce, kvTokens: atOnce * sequenceTokens };
    const rival = await startGeneratingServer({ path: options.llamaServer, modelPath, threads, ...slots, extraFlags: [], signal });
    stack.defer(() => rival.close());
    rivals.push(rival);
  }
  return {
    mill,
    tokenizer: engine.generator!.tokenizer,
    engine: ours,
    rivals,
    introduced: [ours, ...rivals].map(({ name, version, flags }) => ({ name, version, flags })),
  };
}

interface Load extends Opened {
  readonly documents: number;
  readonly questions: readonly string[];
}

async function entriesOf(name: TableScenarioName, load: Load, options: TableBenchOptions): Promise<Entry[]> {
  const { from, to, maxTokens } = shapes[name];
  const { mill, tokenizer, questions } = load;
  // Every entry has documents of its own in every run: what one left in a cache helps nobody.
  const documentsFor = (run: number, entry: number, count: number): Promise<TableDocument[]> =>
    options.data === undefined
      ? seededDocuments(tokenizer, { count, from, to, seed: (run + 3) * 1_000 + entry })
      : articleDocuments(tokenizer, { data: options.data, count, from, to, run: (run + 3) * 10 + entry });
  const plain = (label: string, contestant: GeneratingContestant, reuse: string | undefined, entry: number): Entry => ({
    label,
    flags: contestant.flags,
    async prepare(run) {
      const count = run < 0 || reuse === undefined ? 1 : load.documents;
      const most = run === -1 ? warmUpQuestions : reuse === undefined ? questionsWithoutReuse : questions.length;
      const asked = questions.slice(0, most);
      const rows = await Promise.all((await documentsFor(run, entry, count)).map(({ text }) => jobsOf(tokenizer, text, asked, maxTokens)));
      return async (signal) => {
        const usages = [];
        // Document by document: the best order for a cache of prompts.
        for (const [row, jobs] of rows.entries())
          usages.push(...(await contestant.generate({ jobs, reuse, prefixKey: `${label}-${run}-${row}` }, signal)));
        return { ...tokensOfRun(usages), items: usages.length };
      };
    },
    ...(contestant.loopTimes === undefined ? {} : { loopTimes: contestant.loopTimes }),
  });
  const rivals: Entry[] = [];
  for (const [index, rival] of load.rivals.entries()) {
    const ways = rival.reuses.map((reuse, way) =>
      plain(`${rival.name}, document by document, ${reuse}`, rival, reuse, 3 + index * 4 + way),
    );
    rivals.push(await fastest(ways, options));
  }
  return [
    {
      label: 'millrace table',
      flags: '',
      async prepare(run) {
        const documents = await documentsFor(run, 0, run < 0 ? 1 : load.documents);
        await mill.ingest(documents, { embed: false, signal: options.signal }).result();
        return (signal) => fillTable(mill, documents, run < 0 ? questions.slice(0, warmUpQuestions) : questions, maxTokens, signal);
      },
    },
    plain('engine, the same requests, prefix shared', load.engine, load.engine.reuses[0], 1),
    plain('engine, the same requests, without reuse', load.engine, undefined, 2),
    ...rivals,
  ];
}

/** The way that takes the shortest for all questions about one document, after a first one that does not count. */
async function fastest(ways: readonly Entry[], { signal, print, progress }: Reporting): Promise<Entry> {
  const tried: { readonly way: Entry; readonly ms: number }[] = [];
  for (const way of ways) {
    progress(`trying ${way.label}`);
    await (
      await way.prepare(-1)
    )(signal);
    const ask = await way.prepare(trialRun);
    const startedAt = performance.now();
    await ask(signal);
    tried.push({ way, ms: performance.now() - startedAt });
  }
  tried.sort((a, b) => a.ms - b.ms);
  print(`Tried with one document: ${tried.map(({ way, ms }) => `${way.label} ${(ms / 1_000).toFixed(1)} s`).join('; ')}.\n`);
  return tried[0]!.way;
}

async function fillTable(
  mill: Mill,
  documents: readonly TableDocument[],
  questions: readonly string[],
  maxTokens: number,
  signal: AbortSignal,
) {
  const usages = [];
  const shape = { maxTokens, documentTokens: 1_200, mode: 'text' as const, concurrency: 20 };
  for await (const event of mill.table(questions, { documents: documents.map(({ id }) => id), ...shape, signal })) {
    if (event.type !== 'cell-settled') continue;
    const { usage, error, read } = event.cell;
    if (usage === null) throw new Error(`A cell failed: ${error?.message ?? event.cell.status}`);
    if (read !== 'whole') throw new Error('A document was too long to be read whole.');
    usages.push(usage);
  }
  const cells = documents.length * questions.length;
  if (usages.length !== cells) throw new Error(`${usages.length} of ${cells} cells settled.`);
  return { ...tokensOfRun(usages), items: usages.length };
}

/** The requests of one document: rules and document first, which is the part that they share. */
function jobsOf(tokenizer: Tokenizer, text: string, questions: readonly string[], maxTokens: number): Promise<GenerateJob[]> {
  return Promise.all(
    questions.map(async (question) => {
      const prompt: Prompt = {
        messages: [{ role: 'user', parts: [`${system}\n\n[1]\n${text}\n\n`, `Question: ${question}`] }],
      };
      const { tokens } = await tokenizer.tokenizePrompt(prompt);
      return { prompt, tokens: [...tokens], maxTokens, endsItself: true };
    }),
  );
}

function cellLines({ entries }: ScenarioResult): string {
  const rate = (entry: (typeof entries)[number]): number[] => entry.runs.map(({ items = 0, elapsedMs }) => (items / elapsedMs) * 1_000);
  const ours = rate(entries[0]!);
  const lines = entries.map((entry) => {
    const { median, minimum, maximum } = summarise(rate(entry));
    const outputs = entry.runs.reduce((sum, { outputTokens, items = 1 }) => sum + outputTokens / items, 0) / Math.max(1, entry.runs.length);
    const ratio = pairedRatio(ours, rate(entry)).median;
    return `  ${entry.label}: ${median.toFixed(2)} cells/s (${minimum.toFixed(2)}–${maximum.toFixed(2)}), ours ${ratio.toFixed(2)}x, ${outputs.toFixed(1)} tokens a cell written`;
  });
  return lines.join('\n');
}
