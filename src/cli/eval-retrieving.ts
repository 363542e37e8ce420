import { resolve } from 'node:path';
import {
  bootstrapMean,
  type BeirFolder,
  comparePaired,
  type EvaluationReport,
  evaluateRetrieval,
  type Interval,
  type JudgedQuery,
  type Pipeline,
  type RankingMeasure,
  rankingMeasures,
  readBeirFolder,
  renderReport,
  type RetrievalEvaluation,
  sample,
} from '../index.ts';
import type { SearchOptions } from '../spec/answers.ts';
import type { Mill } from '../spec/mill.ts';
import { alignColumns } from '../util/align-columns.ts';
import { systemClock } from '../util/clock.ts';
import type { EvalOptions } from './eval-options.ts';
import { differenceLines } from './eval-report.ts';
import { openEvaluation, ingestCorpus } from './evaluation-corpus.ts';
import { requireReportPath, writeReportFile } from './output-file.ts';
import { readPipelineFile } from './pipeline-file.ts';
import type { Session } from './session.ts';
import { createStatusLine } from './status-line.ts';
import { formatDuration, type Terminal, visible } from './terminal.ts';
import { type Versions, versionsOf } from './versions.ts';

/** What is measured on the same queries. */
interface Contestant {
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly mode: NonNullable<SearchOptions['mode']>;
}

/** Passages of the long ranking, and of the one that a search gives: a longer ranking is fused from more and begins in another order. */
const defaultDepth = 1_000;
const searchedPassages = 50;
/** Measures of what is first: as a search gives it. The others need the long ranking. */
const ofFirst: ReadonlySet<RankingMeasure> = new Set(['ndcg@10', 'recall@5', 'recall@10', 'mrr@10']);

/** `eval --beir`. */
export async function evaluateRetrieving(terminal: Terminal, session: Session, options: EvalOptions): Promise<number> {
  const contestants = await contestantsOf(terminal, options);
  const folder = resolve(terminal.workingDirectory, options.beir ?? '');
  const data = await readBeirFolder(folder, options.split === undefined ? {} : { split: options.split });
  await requireReportPath(terminal.workingDirectory, options.report);
  const { mill, directory } = await openEvaluation(terminal, session, options, data.name, [data.path]);
  const embed = contestants.some(({ mode }) => mode !== 'text');
  const { documents } = await ingestCorpus(terminal, mill, data.corpus(), { ...options, embed });
  const queries = sample(data.queries, options.limit, options.seed);
  const measured: Measured[] = [];
  for (const contestant of contestants) measured.push({ contestant, result: await measure(terminal, options, mill, queries, contestant) });
  const [main, ...others] = measured;
  if (main === undefined) return 1;
  const account: Account = { data, documents, options, directory, versions: await versionsOf(mill), main, others };
  if (options.json) terminal.out(`${JSON.stringify(objectOf(account))}\n`);
  else print(terminal, account);
  if (options.report !== undefined) await writeReportFile(terminal.workingDirectory, options.report, renderReport(reportOf(account)));
  return measured.some(({ result }) => result.failed > 0) ? 3 : 0;
}

interface Measured {
  readonly contestant: Contestant;
  readonly result: RetrievalEvaluation;
}

interface Account {
  readonly data: BeirFolder;
  readonly documents: number;
  readonly options: EvalOptions;
  readonly directory: string;
  readonly versions: Versions;
  readonly main: Measured;
  readonly others: readonly Measured[];
}

async function contestantsOf(terminal: Terminal, options: EvalOptions): Promise<Contestant[]> {
  const read = (path: string) => readPipelineFile(path, terminal.workingDirectory);
  const pipeline = options.pipeline === undefined ? {} : await read(options.pipeline);
  const mode = options.mode ?? pipeline.retrieve?.mode ?? 'hybrid';
  const main = { name: pipeline.name ?? mode, pipeline, mode };
  const parts = options.parts === true ? (['hybrid', 'text', 'vector'] as const).filter((one) => one !== mode) : [];
  const compared = options.compare === undefined ? [] : [await read(options.compare)];
  return [
    main,
    ...parts.map((one) => ({ name: one, pipeline, mode: one })),
    ...compared.map((one) => ({
      name: one.name ?? options.compare ?? '',
      pipeline: one,
      mode: one.retrieve?.mode ?? options.mode ?? 'hybrid',
    })),
  ];
}

/** Every query twice: as a search gives it, whose time counts, and in a long ranking. */
async function measure(
  terminal: Terminal,
  options: EvalOptions,
  mill: Mill,
  queries: readonly JudgedQuery[],
  { name, pipeline, mode }: Contestant,
): Promise<RetrievalEvaluation> {
  const status = createStatusLine(terminal, systemClock, options.quiet || options.json);
  const search = (query: string, limit: number, signal: AbortSignal) =>
    mill.search(query, { collection: options.collection, pipeline, mode, limit, signal });
  // The first search loads the embedder: that is no query's time.
  await search('warm', 1, terminal.signal);
  const evaluate = (limit: number) =>
    evaluateRetrieval(queries, async (query, signal) => (await search(query, limit, signal)).hits.map(({ source }) => source), {
      concurrency: options.concurrency,
      signal: terminal.signal,
      now: systemClock.monotonic,
      onMeasured: (done, total) => status.show(`${name}, ${limit} deep: ${done} of ${total} queries`),
    });
  const depth = options.depth ?? defaultDepth;
  const searched = await evaluate(Math.min(searchedPassages, depth));
  const result = depth <= searchedPassages ? searched : withLongRanking(searched, await evaluate(depth));
  status.clear();
  if (!options.quiet && !options.json) {
    terminal.error(`${visible(name)}: ${result.queries.length} queries in ${formatDuration(result.elapsedMs)}\n`);
  }
  return result;
}

function withLongRanking(searched: RetrievalEvaluation, long: RetrievalEvaluation): RetrievalEvaluation {
  const merged = (first: RetrievalEvaluation['measures'], rest: RetrievalEvaluation['measures']) =>
    Object.fromEntries(rankingMeasures.map((name) => [name, (ofFirst.has(name) ? first : rest)[name]])) as typeof first;
  const queries = searched.queries.map((one, index) => {
    const rest = long.queries[index] ?? one;
    return { ...one, measures: merged(one.measures, rest.measures), error: one.error ?? rest.error };
  });
  return {
    ...searched,
    measures: merged(searched.measures, long.measures),
    queries,
    failed: queries.filter(({ error }) => error !== null).length,
  };
}

function figuresOf({ result }: Measured) {
  return { ...result.measures, queries: result.queries.length, queriesPerSecond: result.queriesPerSecond, failed: result.failed };
}

function differencesOf({ main, options }: Account, other: Measured): Record<string, Interval> {
  return comparePaired(main.result.queries, other.result.queries, options.seed);
}

function objectOf(account: Account) {
  const { data, documents, options, directory, versions, main, others } = account;
  const failures = [main, ...others].flatMap(({ result }) => result.queries.filter(({ error }) => error !== null));
  const told = (one: Measured) => ({ ...figuresOf(one), differences: differencesOf(account, one) });
  const compared = options.compare === undefined ? undefined : others.at(-1);
  const parts = others.filter((one) => one !== compared);
  return {
    ...figuresOf(main),
    dataset: data.name,
    split: data.split,
    documents,
    unjudgedQueries: data.unjudgedQueries,
    missingQueries: data.missingQueries,
    pipeline: { ...main.contestant.pipeline, name: main.contestant.name, mode: main.contestant.mode },
    depth: options.depth ?? defaultDepth,
    seed: options.seed,
    ...(parts.length === 0 ? {} : { parts: Object.fromEntries(parts.map((one) => [one.contestant.name, told(one)])) }),
    ...(compared === undefined ? {} : { compare: { pipeline: compared.contestant.pipeline, ...told(compared) } }),
    failures: failures.map(({ id, error }) => ({ id, error })),
    versions,
    directory,
  };
}

function print(terminal: Terminal, account: Account): void {
  const { data, documents, options, directory, main, others } = account;
  const rows = [main, ...others].map(({ contestant, result }) => [
    visible(contestant.name),
    ...rankingMeasures.map((name) => result.measures[name].toFixed(4)),
    String(result.queries.length),
    result.queriesPerSecond.toFixed(1),
  ]);
  terminal.out(`${visible(data.name)}, split ${data.split}: ${documents} documents\n`);
  terminal.out(`${alignColumns([['', ...rankingMeasures, 'queries', 'queries/s'], ...rows])}\n`);
  for (const other of others) terminal.out(differenceLines(main.contestant.name, other.contestant.name, differencesOf(account, other)));
  for (const { result } of [main, ...others]) {
    for (const { id, error } of result.queries) {
      if (error !== null) terminal.error(`failed  query ${visible(id)}: ${visible(error.message)}\n`);
    }
  }
  if (!options.quiet) terminal.error(`The documents are kept in ${directory} and used again.\n`);
}

function reportOf(account: Account): EvaluationReport {
  const { data, documents, options, versions, main, others } = account;
  const texts = new Map(data.queries.map(({ id, text }) => [id, text]));
  return {
    title: `Retrieval on ${data.name}`,
    facts: [
      ['Data', `${data.path}, split ${data.split}`],
      ['Documents', String(documents)],
      ['Queries', String(main.result.queries.length)],
      ['Passages asked for', `${options.depth ?? defaultDepth} for map and recall@100, else as a search does`],
      ['Seed', String(options.seed)],
      ['Versions', `millrace ${versions.millrace}, Node.js ${versions.node}, embedder ${versions.embedder ?? 'none'}`],
    ],
    series: [main, ...others].map(({ contestant, result }) => ({
      name: contestant.name,
      figures: rankingMeasures.map((name) => ({
        name,
        ...bootstrapMean(
          result.queries.map(({ measures }) => measures[name]),
          { seed: options.seed },
        ),
      })),
      distribution: { name: 'ndcg@10', values: result.queries.map(({ measures }) => measures['ndcg@10']) },
    })),
    differences: others.map((other) => ({
      name: `${other.contestant.name} against ${main.contestant.name}`,
      measures: differencesOf(account, other),
    })),
    rows: {
      title: 'Queries with the lowest nDCG@10',
      columns: ['query', 'nDCG@10', 'recall@100', 'text'],
      cells: main.result.queries
        .toSorted((a, b) => a.measures['ndcg@10'] - b.measures['ndcg@10'])
        .slice(0, 50)
        .map(({ id, measures, error }) => [
          id,
          measures['ndcg@10'].toFixed(3),
          measures['recall@100'].toFixed(3),
          error?.message ?? texts.get(id) ?? '',
        ]),
    },
  };
}
