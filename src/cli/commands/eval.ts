import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { evaluateRetrieval, rankingMeasures, readBeirFolder, type BeirFolder, type RetrievalEvaluation } from '../../index.ts';
import type { SearchOptions } from '../../spec/answers.ts';
import type { Mill } from '../../spec/mill.ts';
import { systemClock } from '../../util/clock.ts';
import { sha256 } from '../../util/hash.ts';
import { numberOption } from '../number-option.ts';
import { alignColumns } from '../../util/align-columns.ts';
import type { Given, Session } from '../session.ts';
import { showIngest } from '../show-ingest.ts';
import { createStatusLine } from '../status-line.ts';
import { formatDuration, type Terminal, visible } from '../terminal.ts';
import { versionsOf } from '../versions.ts';

const modes = ['hybrid', 'text', 'vector'] as const;

export function addEval(program: Command, session: Session): void {
  session
    .command(
      program,
      'eval',
      'Measure retrieval on a data set in the layout of BEIR: nDCG, recall, MRR and MAP.',
      'millrace eval --beir scifact --parts',
    )
    .requiredOption('--beir <folder>', 'corpus.jsonl[.gz], queries.jsonl[.gz] and qrels/<split>.tsv or qrels.tsv')
    .option('--split <name>', 'the judgements to measure with (default test)')
    .addOption(new Option('--mode <mode>', 'how documents are found (default hybrid)').choices(modes))
    .option('--parts', 'measure text and vector search alone, too')
    .option('-n, --limit <count>', 'only the first queries', numberOption({ least: 1, most: 10_000_000 }))
    .option('--depth <hits>', 'passages asked for each query (default 1000)', numberOption({ least: 1, most: 1_000 }))
    .option('--concurrency <count>', 'queries at the same time (default 8)', numberOption({ least: 1, most: 1_000 }))
    .action(session.run((terminal, { options }) => evaluateBeir(terminal, session, options)));
}

async function evaluateBeir(terminal: Terminal, session: Session, options: Given['options']): Promise<number> {
  const data = await readBeirFolder(
    resolve(terminal.workingDirectory, options.beir ?? ''),
    options.split === undefined ? {} : { split: options.split },
  );
  const directory = directoryOf(session, options, data);
  const mill = await session.open('write', { directory });
  const wanted = options.parts === true ? modes : [options.mode ?? 'hybrid'];
  const embed = wanted.some((mode) => mode !== 'text');
  const documents = await ingestCorpus(terminal, options, mill, data, embed);
  const measured = new Map<string, RetrievalEvaluation>();
  for (const mode of wanted) measured.set(mode, await measure(terminal, options, mill, data, mode));
  const [main] = measured.values();
  if (main === undefined) return 1;
  const versions = await versionsOf(mill);
  const failures = [...measured.values()].flatMap(({ queries }) => queries.filter(({ error }) => error !== null));
  if (options.json) {
    const figures = (one: RetrievalEvaluation) => ({
      ...one.measures,
      queries: one.queries.length,
      queriesPerSecond: one.queriesPerSecond,
    });
    const parts = Object.fromEntries([...measured].slice(1).map(([mode, one]) => [mode, figures(one)]));
    terminal.out(
      `${JSON.stringify({
        ...figures(main),
        dataset: data.name,
        split: data.split,
        documents,
        failed: main.failed,
        pipeline: { mode: wanted[0], depth: options.depth ?? defaultDepth },
        ...(measured.size > 1 ? { parts } : {}),
        failures: failures.map(({ id, error }) => ({ id, error })),
        versions,
        directory,
      })}\n`,
    );
  } else {
    const rows = [...measured].map(([mode, one]) => [
      mode,
      ...rankingMeasures.map((name) => one.measures[name].toFixed(4)),
      String(one.queries.length),
      one.queriesPerSecond.toFixed(1),
    ]);
    terminal.out(`${visible(data.name)}, split ${data.split}: ${documents} documents\n`);
    terminal.out(`${alignColumns([['', ...rankingMeasures, 'queries', 'queries/s'], ...rows])}\n`);
    for (const { id, error } of failures) terminal.error(`failed  query ${visible(id)}: ${visible(error?.message ?? '')}\n`);
    if (!options.quiet) terminal.error(`The corpus is kept in ${directory} and used again.\n`);
  }
  return failures.length > 0 ? 3 : 0;
}

const defaultDepth = 1_000;

/** Where a corpus is kept: a directory of its own for each folder and embedder, inside the one of the command. */
function directoryOf(session: Session, options: Given['options'], data: BeirFolder): string {
  if (options.directory !== undefined) return options.directory;
  const { directory, embedder } = session.settings();
  return join(directory, 'eval', `${data.name}-${sha256(`${data.path}\n${embedder}`).slice(0, 8)}`);
}

/** Brings the directory to what the corpus is now and gives the number of its documents. */
async function ingestCorpus(terminal: Terminal, options: Given['options'], mill: Mill, data: BeirFolder, embed: boolean): Promise<number> {
  const show = showIngest({ ...terminal, out: terminal.error }, systemClock, { quiet: options.quiet || options.json, verbose: false });
  const ids = new Set<string>();
  const stream = mill.ingest(remembering(data.corpus(), ids), { embed, signal: terminal.signal });
  for await (const event of stream) if (!options.json) show(event);
  await stream.result();
  let afterKey: string | undefined;
  do {
    const page = await mill.documents.list(afterKey === undefined ? {} : { afterKey });
    for (const { key } of page.sources) if (!ids.has(key)) await mill.documents.remove(key);
    afterKey = page.nextKey ?? undefined;
  } while (afterKey !== undefined);
  return ids.size;
}

async function* remembering<Source extends { readonly id: string }>(
  sources: AsyncIterable<Source>,
  ids: Set<string>,
): AsyncGenerator<Source> {
  for await (const source of sources) {
    ids.add(source.id);
    yield source;
  }
}

async function measure(
  terminal: Terminal,
  options: Given['options'],
  mill: Mill,
  data: BeirFolder,
  mode: NonNullable<SearchOptions['mode']>,
): Promise<RetrievalEvaluation> {
  const status = createStatusLine(terminal, systemClock, options.quiet || options.json);
  // The first search loads the embedder: that is no query's time.
  await mill.search(data.queries[0]?.text ?? 'warm', { mode, limit: 1, signal: terminal.signal });
  const result = await evaluateRetrieval(
    data.queries.slice(0, options.limit),
    async (query, signal) => {
      const { hits } = await mill.search(query, { mode, limit: options.depth ?? defaultDepth, signal });
      return hits.map(({ source }) => source);
    },
    {
      concurrency: options.concurrency ?? 8,
      signal: terminal.signal,
      now: systemClock.monotonic,
      onMeasured: (done, total) => status.show(`${mode}: ${done} of ${total} queries`),
    },
  );
  status.clear();
  if (!options.quiet && !options.json) terminal.error(`${mode}: ${result.queries.length} queries in ${formatDuration(result.elapsedMs)}\n`);
  return result;
}
