import { freemem } from 'node:os';
import { basename, resolve } from 'node:path';
import {
  type AnswerSummary,
  comparePaired,
  type EvaluationReport,
  evaluateAnswers,
  type GivenAnswer,
  givenOf,
  type Interval,
  type JudgedAnswer,
  type JudgedFile,
  type JudgedQuestion,
  measureOfShare,
  type Pipeline,
  openJudgedFile,
  readJudgedQuestions,
  renderReport,
  sample,
  selectiveCurve,
  type SelectivePoint,
  splitOf,
  summariseAnswers,
  type SummaryShare,
  summaryShares,
} from '../index.ts';
import type { Config } from '../config.ts';
import { MillraceError } from '../errors.ts';
import type { HandedSource, Mill } from '../spec/mill.ts';
import { usualConfidence } from '../spec/pipeline.ts';
import { alignColumns } from '../util/align-columns.ts';
import { systemClock } from '../util/clock.ts';
import { hashOf, sha256 } from '../util/hash.ts';
import type { EvalOptions } from './eval-options.ts';
import { differenceLines, selectiveLines } from './eval-report.ts';
import { openEvaluation, ingestCorpus } from './evaluation-corpus.ts';
import { requireJudgedFile, requireReportPath, writeReportFile } from './output-file.ts';
import { readPipelineFile } from './pipeline-file.ts';
import type { Session } from './session.ts';
import { createStatusLine } from './status-line.ts';
import { formatDuration, type Terminal, visible } from './terminal.ts';
import { packageVersion, type Versions, versionsOf } from './versions.ts';
import { chosenGenerator, weightsOf } from './weights-asked.ts';

interface Contestant {
  readonly name: string;
  readonly pipeline: Pipeline;
}

interface Measured extends Contestant {
  readonly judged: readonly JudgedAnswer[];
  readonly summary: AnswerSummary;
}

interface Account {
  readonly options: EvalOptions;
  readonly file: string;
  readonly documents: number;
  readonly versions: Versions;
  readonly main: Measured;
  readonly compared: Measured | undefined;
  /** Questions over one passage are no independent cases: intervals draw them together. */
  readonly groupOf: (id: string) => string;
  /** What is expected of each question, as words for people, by its id. */
  readonly wanted: ReadonlyMap<string, string>;
}

/** `eval --questions`. */
export async function evaluateAnswering(terminal: Terminal, session: Session, options: EvalOptions): Promise<number> {
  session.keeps(() =>
    options.out === undefined
      ? 'The documents are kept, the answers are not: with --out the same command would go on.'
      : `The answers so far are in ${visible(options.out)}; repeat the command to go on.`,
  );
  const contestants = await contestantsOf(terminal, options);
  const file = resolve(terminal.workingDirectory, options.questions ?? '');
  const all = await readJudgedQuestions(file, 'allow');
  const questions = choose(all, options);
  const paths = options.documents ?? [];
  if (paths.length === 0 && questions.some(({ context }) => context === null)) {
    throw new MillraceError('E_USAGE', 'There is nothing to answer from.', {
      remedy: 'Give --documents with files or folders, or questions that each have their passage under "context".',
    });
  }
  await requireReportPath(terminal.workingDirectory, options.report);
  if (options.out !== undefined) await requireJudgedFile(resolve(terminal.workingDirectory, options.out));
  const places = [file, ...paths.map((path) => resolve(terminal.workingDirectory, path))];
  const model = await keptGenerator(session, options);
  const { mill } = await openEvaluation(terminal, session, options, basename(file), places, { model });
  const { documents } = await ingestAll(terminal, mill, options.pool === true ? all : questions, options);
  const settings = { ...session.settings(), model };
  const corpus = options.out === undefined ? '' : await corpusHash(mill, options);
  const passages = new Map(questions.map(({ id, context }) => [id, context]));
  const groupOf = (id: string): string => passages.get(id) ?? id;
  const asked = options.pool === true ? questions.map(inPool) : questions;
  const measured: Measured[] = [];
  for (const contestant of contestants) {
    const how =
      options.out === undefined
        ? {}
        : { ...askedHow(options, settings, contestant.pipeline), ...(await madeBy(session, mill, options, settings, contestant)), corpus };
    const anew = options.force === true && measured.length === 0;
    const judged = await measure(terminal, mill, asked, options, contestant, how, anew);
    measured.push({ ...contestant, judged, summary: summariseAnswers(judged, options.seed, groupOf) });
  }
  const [main, compared] = measured;
  if (main === undefined) return 1;
  const wanted = new Map(questions.map((question) => [question.id, wantedOf(question)]));
  const account: Account = { options, file, documents, versions: await versionsOf(mill), main, compared, groupOf, wanted };
  if (options.json) terminal.out(`${JSON.stringify(objectOf(account))}\n`);
  else print(terminal, account);
  if (options.report !== undefined) await writeReportFile(terminal.workingDirectory, options.report, renderReport(reportOf(account)));
  return measured.some(({ summary }) => summary.failed > 0) ? 3 : 0;
}

async function contestantsOf(terminal: Terminal, options: EvalOptions): Promise<Contestant[]> {
  const paths = [options.pipeline, ...(options.compare === undefined ? [] : [options.compare])];
  return Promise.all(
    paths.map(async (path) => {
      const pipeline = path === undefined ? {} : await readPipelineFile(path, terminal.workingDirectory);
      return { name: pipeline.name ?? path ?? 'default', pipeline };
    }),
  );
}

function choose(questions: readonly JudgedQuestion[], { split, limit, seed }: EvalOptions): readonly JudgedQuestion[] {
  if (split !== undefined && split !== 'dev' && split !== 'report') {
    throw new MillraceError('E_USAGE', `A file of questions has the splits dev and report, and no "${split}".`);
  }
  const chosen = sample(split === undefined ? questions : questions.filter((question) => splitOf(question) === split), limit, seed);
  if (chosen.length === 0)
    throw new MillraceError('E_INPUT_INVALID', `None of the ${questions.length} questions is in the split ${split ?? ''}.`);
  return chosen;
}

/** The id under which a passage is ingested, and its metadata by which a question is held to it. */
function passageId(context: string): string {
  return `passage-${sha256(context).slice(0, 16)}`;
}

/** Asked over the passages of all questions: the own one is where the answer is to be found. */
function inPool(question: JudgedQuestion): JudgedQuestion {
  if (question.context === null) return question;
  return { ...question, sources: question.unanswerable ? [] : [passageId(question.context)] };
}

/** Documents of paths, and the passages of the questions as sources of their own. */
async function ingestAll(terminal: Terminal, mill: Mill, questions: readonly JudgedQuestion[], options: EvalOptions) {
  const embed = options.mode !== 'text';
  const contexts = [...new Set(questions.flatMap(({ context }) => context ?? []))];
  if (contexts.length === 0) return ingestCorpus(terminal, mill, options.documents ?? [], { ...options, embed });
  const paths = (options.documents ?? []).map((path) => resolve(terminal.workingDirectory, path));
  async function* sources(): AsyncGenerator<HandedSource> {
    yield* paths as unknown as HandedSource[];
    for (const context of contexts) {
      const id = passageId(context);
      yield { id, text: context, contentType: 'text/plain', metadata: { passage: id } };
    }
  }
  return ingestCorpus(terminal, mill, sources(), { ...options, embed });
}

async function measure(
  terminal: Terminal,
  mill: Mill,
  questions: readonly JudgedQuestion[],
  options: EvalOptions,
  { name, pipeline }: Contestant,
  how: object,
  anew: boolean,
): Promise<JudgedAnswer[]> {
  const status = createStatusLine(terminal, systemClock, options.quiet || options.json);
  const kept =
    options.out === undefined ? keepingNothing : await openJudgedFile(resolve(terminal.workingDirectory, options.out), how, { anew });
  const started = systemClock.monotonic();
  try {
    const open = questions.filter((question) => kept.get(question) === undefined);
    const judged = await evaluateAnswers(open, (question, signal) => ask(mill, question, options, pipeline, signal), {
      concurrency: options.concurrency,
      signal: terminal.signal,
      async onJudged(one, done, total, question) {
        await kept.add(one, question);
        status.show(`${visible(name)}: ${done} of ${total} questions`);
      },
    });
    status.clear();
    if (!options.quiet && !options.json) {
      const before = questions.length - open.length;
      const took = formatDuration(systemClock.monotonic() - started);
      terminal.error(`${visible(name)}: ${open.length} questions in ${took}${before > 0 ? `, ${before} from before` : ''}\n`);
    }
    const fresh = judged.values();
    return questions.flatMap((question) => kept.get(question) ?? fresh.next().value ?? []);
  } finally {
    status.clear();
    await kept.close();
  }
}

const keepingNothing: JudgedFile = { get: () => undefined, add: () => Promise.resolve(), close: () => Promise.resolve() };

/** Names the documents that are asked: their versions by source, without passages that only their own questions are held to. */
async function corpusHash(mill: Mill, { collection, pool }: EvalOptions): Promise<string> {
  const versions: (readonly [string, string | null])[] = [];
  let afterKey: string | undefined;
  do {
    const page = await mill.documents.list({ collection, ...(afterKey === undefined ? {} : { afterKey }) });
    const held = page.sources.filter(({ metadata }) => pool === true || metadata['passage'] === undefined);
    versions.push(...held.map(({ key, document }) => [key, document] as const));
    afterKey = page.nextKey ?? undefined;
  } while (afterKey !== undefined);
  return hashOf(versions);
}

/** The generator of answers that are kept: where none is named it is chosen here, so that what is loaded is what they are kept under. */
async function keptGenerator(session: Session, { out, quotes }: EvalOptions): Promise<string | undefined> {
  const { model } = session.settings();
  return model ?? (out === undefined || quotes === true ? undefined : chosenGenerator(session.models(), freemem()));
}

/** The prompts and weights that answers come from: other ones under the same names give other answers. */
async function madeBy(
  session: Session,
  mill: Mill,
  { collection, mode, quotes }: EvalOptions,
  { model, embedder }: Config,
  { pipeline }: Contestant,
): Promise<object> {
  const { promptVersion, collections } = await mill.status();
  const stored = collections.find((one) => one.collection === collection)?.embedder ?? undefined;
  // A question with a passage of its own is searched for by meaning, whatever the pipeline says.
  const searched = mode === 'text' ? undefined : (embedder ?? stored);
  const weights = await weightsOf(session.models(), pipeline, { generator: model, embedder: searched, quotes });
  return { promptVersion, weights };
}

/** What an answer depends on besides the question, its passage, the documents and what made it. */
function askedHow({ mode, quotes, pool }: EvalOptions, settings: Config, pipeline: Pipeline): object {
  const { model, embedder, contextTokens, maxTokens } = settings;
  return { version: packageVersion(), pipeline, mode, quotes, pool, model, embedder, contextTokens, maxTokens };
}

/** Greedy unless the pipeline says otherwise. A question with a passage of its own is held to it, whatever it has in common with the question. */
async function ask(
  mill: Mill,
  question: JudgedQuestion,
  options: EvalOptions,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<GivenAnswer> {
  const own = question.context === null || options.pool === true ? undefined : passageId(question.context);
  const answer = await mill
    .ask(question.question, {
      collection: options.collection,
      pipeline,
      class: 'batch',
      signal,
      ...(options.mode === undefined ? {} : { mode: options.mode }),
      ...(own === undefined ? {} : { filter: { passage: own }, mode: options.mode ?? 'vector' }),
      ...(options.quotes === true ? { quotesOnly: true } : {}),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    })
    .result();
  return givenOf(answer);
}

function wantedOf({ expected, number, unanswerable }: JudgedQuestion): string {
  return unanswerable ? 'no answer' : [...expected, ...(number === null ? [] : [String(number)])].join(' or ');
}

function objectOf({ options, file, documents, versions, main, compared, groupOf }: Account) {
  return {
    ...figuresOf(main),
    file,
    split: options.split ?? 'all',
    documents,
    seed: options.seed,
    ...(compared === undefined
      ? {}
      : { compare: { ...figuresOf(compared), differences: comparePaired(main.judged, compared.judged, options.seed, groupOf) } }),
    versions,
    answers: main.judged,
  };
}

function curveOf({ judged, pipeline }: Pick<Measured, 'judged' | 'pipeline'>): SelectivePoint[] {
  return selectiveCurve(judged, pipeline.verify?.leastConfidence ?? usualConfidence);
}

function figuresOf({ name, pipeline, judged, summary }: Measured) {
  const { shares, ...rest } = summary;
  return {
    ...Object.fromEntries(summaryShares.map((share) => [share, shares[share].value])),
    n: Object.fromEntries(summaryShares.map((share) => [share, shares[share].n])),
    ...rest,
    selective: curveOf({ judged, pipeline }),
    pipeline: { ...pipeline, name },
  };
}

function print(terminal: Terminal, { options, file, documents, main, compared, groupOf }: Account): void {
  const { questions, answerable, unanswerable } = main.summary;
  terminal.out(
    `${visible(basename(file))}, split ${options.split ?? 'all'}: ${questions} questions (${answerable} with an answer, ${unanswerable} without), ${documents} documents\n`,
  );
  const measured = [main, ...(compared === undefined ? [] : [compared])];
  const rows = summaryShares.map((name) => [
    name,
    ...measured.flatMap(({ summary }) => [summary.shares[name].value?.toFixed(3) ?? '–', String(summary.shares[name].n)]),
  ]);
  terminal.out(`${alignColumns([['', ...measured.flatMap(({ name }) => [visible(name), 'n'])], ...rows])}\n`);
  for (const { name, summary } of measured) {
    const { latencyMs, tokens } = summary;
    terminal.out(
      `${visible(name)}: latency p50 ${formatDuration(latencyMs.p50)}, p95 ${formatDuration(latencyMs.p95)}; ` +
        `tokens ${tokens.prompt} read (${tokens.cached} reused), ${tokens.output} written\n`,
    );
  }
  for (const one of measured) terminal.out(selectiveLines(one.name, curveOf(one)));
  if (compared !== undefined) {
    terminal.out(differenceLines(main.name, compared.name, comparePaired(main.judged, compared.judged, options.seed, groupOf)));
  }
  for (const { judged } of measured) {
    for (const { id, error } of judged) if (error !== null) terminal.error(`failed  ${visible(id)}: ${visible(error.message)}\n`);
  }
}

function intervalOf({ intervals }: AnswerSummary, share: SummaryShare): Partial<Interval> {
  const measure = measureOfShare[share];
  return measure === undefined ? {} : intervals[measure];
}

function reportOf({ options, file, documents, versions, main, compared, groupOf, wanted }: Account): EvaluationReport {
  const measured = [main, ...(compared === undefined ? [] : [compared])];
  return {
    title: `Answers to ${basename(file)}`,
    facts: [
      ['Questions', `${main.summary.questions}: ${main.summary.answerable} with an answer, ${main.summary.unanswerable} without`],
      ['Split', options.split ?? 'all'],
      ['Documents', String(documents)],
      ['Seed', String(options.seed)],
      ...measured.map(({ name, summary: { latencyMs } }): [string, string] => [
        `Latency, ${name}`,
        `p50 ${formatDuration(latencyMs.p50)}, p95 ${formatDuration(latencyMs.p95)}, n = ${latencyMs.n}`,
      ]),
      [
        'Versions',
        `millrace ${versions.millrace}, Node.js ${versions.node}, embedder ${versions.embedder ?? 'none'}, generators ${versions.generators.join(', ') || 'none'}`,
      ],
    ],
    series: measured.map(({ name, pipeline, judged, summary }) => ({
      name,
      figures: summaryShares.map((share) => ({
        name: share,
        ...intervalOf(summary, share),
        mean: summary.shares[share].value,
        n: summary.shares[share].n,
      })),
      distribution: { name: 'f1', values: judged.flatMap(({ measures }) => measures.f1 ?? []) },
      selective: curveOf({ judged, pipeline }),
    })),
    differences:
      compared === undefined
        ? []
        : [{ name: `${compared.name} against ${main.name}`, measures: comparePaired(main.judged, compared.judged, options.seed, groupOf) }],
    rows: {
      title: 'Answers that are not right',
      columns: ['id', 'question', 'expected', 'answer'],
      cells: main.judged
        .filter(({ measures }) => measures.right === 0)
        .slice(0, 200)
        .map(({ id, question, given, error }) => [id, question, wanted.get(id) ?? '', error?.message ?? given?.answer ?? '']),
    },
  };
}
