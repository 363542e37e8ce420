import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMillraceError, openParser, type DocumentParser, type ReadDocument } from '../../src/index.ts';
import { describeMachine } from '../machine.ts';
import { alignColumns } from '../../src/util/align-columns.ts';
import { summarise, type Summary } from '../statistics.ts';
import { articles, corpusFiles, type CorpusFile, holdsText } from './corpus.ts';
import { f1, referenceText, shingleOverlap, wordRecall } from './score.ts';

export const parseScenarioNames = ['docs', 'articles', 'hostile', 'large'] as const;
export type ParseScenarioName = (typeof parseScenarioNames)[number];

export interface ParseBenchOptions {
  /** The folder with parse-docs, parse-html-articles, parse-hostile and parse-large. */
  readonly data: string;
  readonly scenarios: readonly ParseScenarioName[];
  /** Of the large files. */
  readonly runs: number;
  readonly signal: AbortSignal;
  print(text: string): void;
  progress(text: string): void;
}

export interface FormatFigures {
  readonly format: string;
  readonly files: number;
  readonly holdText: number;
  readonly gaveText: number;
  /** Code → files. */
  readonly errors: Readonly<Record<string, number>>;
  /** Mean over the files with a reference. */
  readonly recall: number | undefined;
  readonly references: number;
  readonly filesPerSecond: number;
}

export interface HostileFigures {
  readonly files: number;
  readonly gaveText: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly crashes: number;
  readonly hangs: number;
  readonly slowestMs: number;
  /** A good file was read after each of them. */
  readonly neighboursRead: number;
}

export interface LargeFigures {
  readonly name: string;
  readonly pages: number;
  readonly boxes: number;
  readonly textLength: number;
  readonly pagesPerSecond: Summary;
  readonly seconds: Summary;
}

export interface ParseBenchResult {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: { readonly data: string; readonly parserProcesses: 1; readonly runs: number };
  readonly docs?: { readonly formats: readonly FormatFigures[]; readonly shareWithText: number; readonly recall: number };
  readonly articles?: {
    readonly pages: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly pagesPerSecond: number;
  };
  readonly hostile?: HostileFigures;
  readonly large?: readonly LargeFigures[];
}

/** One parser process for everything: the figures are those of one core. */
export async function runParseBench(options: ParseBenchOptions): Promise<ParseBenchResult> {
  const { data, print } = options;
  const machine = describeMachine();
  print(
    `${Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}; one parser process, data in ${data}\n\n`,
  );
  const parser = await openParser({ concurrency: 1 });
  try {
    print(`${(await parser.isolation()).message}\n\n`);
    return await measure(parser, machine, options);
  } finally {
    await parser.close();
  }
}

async function measure(
  parser: DocumentParser,
  machine: ParseBenchResult['machine'],
  options: ParseBenchOptions,
): Promise<ParseBenchResult> {
  const { data, scenarios, signal } = options;
  const wants = (name: ParseScenarioName): boolean => scenarios.includes(name);
  // The start of the process belongs to none of the formats.
  await parser.parse({ bytes: Buffer.from('A text.'), name: 'a.txt' }, signal);
  const startedAt = new Date().toISOString();
  const docs = wants('docs') ? await measureDocs(parser, options) : undefined;
  const main = wants('articles') ? await measureArticles(parser, options) : undefined;
  const hostile = wants('hostile') ? await measureHostile(parser, options) : undefined;
  const large = wants('large') ? await measureLarge(parser, options) : undefined;
  return {
    startedAt,
    machine,
    settings: { data, parserProcesses: 1, runs: options.runs },
    ...(docs === undefined ? {} : { docs }),
    ...(main === undefined ? {} : { articles: main }),
    ...(hostile === undefined ? {} : { hostile }),
    ...(large === undefined ? {} : { large }),
  };
}

interface Attempt {
  readonly document?: ReadDocument;
  readonly code?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly elapsedMs: number;
}

async function attempt(parser: DocumentParser, bytes: Uint8Array, name: string, signal: AbortSignal): Promise<Attempt> {
  const start = performance.now();
  try {
    const document = await parser.parse({ bytes, name }, signal);
    return { document, elapsedMs: performance.now() - start };
  } catch (error) {
    signal.throwIfAborted();
    if (!isMillraceError(error)) throw error;
    return { code: error.code, ...(error.details === undefined ? {} : { details: error.details }), elapsedMs: performance.now() - start };
  }
}

async function measureDocs(parser: DocumentParser, { data, signal, print, progress }: ParseBenchOptions) {
  const byFormat = new Map<string, { readonly files: CorpusFile[]; readonly attempts: Attempt[] }>();
  for (const file of corpusFiles(path.join(data, 'parse-docs'))) {
    progress(file.name);
    const group = byFormat.get(file.ending) ?? { files: [], attempts: [] };
    byFormat.set(file.ending, group);
    group.files.push(file);
    group.attempts.push(await attempt(parser, readFileSync(file.path), path.basename(file.path), signal));
  }
  const formats = [...byFormat]
    .map(([format, { files, attempts }]) => formatFigures(format, files, attempts))
    .toSorted((a, b) => b.files - a.files);
  const sum = (pick: (figures: FormatFigures) => number): number => formats.reduce((total, figures) => total + pick(figures), 0);
  const shareWithText = sum(({ gaveText }) => gaveText) / sum(({ holdText }) => holdText);
  const recall = sum((one) => (one.recall ?? 0) * one.references) / sum((one) => one.references);
  print(
    `parse-docs\n${alignColumns([
      ['', 'files', 'hold text', 'gave text', 'errors', 'word recall', 'references', 'files/s'],
      ...formats.map((one) => [
        one.format,
        `${one.files}`,
        `${one.holdText}`,
        `${one.gaveText}`,
        Object.entries(one.errors)
          .map(([code, count]) => `${count} ${code.replace('E_DOCUMENT_', '').toLowerCase()}`)
          .join(', '),
        one.recall?.toFixed(3) ?? '',
        `${one.references}`,
        one.filesPerSecond.toFixed(1),
      ]),
    ])}\n${(shareWithText * 100).toFixed(1)} % of the files that hold text gave text (wanted: 97); mean word recall ${recall.toFixed(3)}\n\n`,
  );
  return { formats, shareWithText, recall };
}

function formatFigures(format: string, files: readonly CorpusFile[], attempts: readonly Attempt[]): FormatFigures {
  const errors: Record<string, number> = {};
  for (const { code } of attempts) if (code !== undefined) errors[code] = (errors[code] ?? 0) + 1;
  const recalls = files.flatMap(({ reference }, index) =>
    reference === undefined ? [] : [wordRecall(referenceText(reference), attempts[index]?.document?.text.slice() ?? '')],
  );
  return {
    format,
    files: files.length,
    holdText: files.filter(holdsText).length,
    gaveText: files.filter((file, index) => holdsText(file) && attempts[index]?.document !== undefined).length,
    errors,
    recall: recalls.length === 0 ? undefined : recalls.reduce((total, one) => total + one, 0) / recalls.length,
    references: recalls.length,
    filesPerSecond: files.length / (attempts.reduce((total, { elapsedMs }) => total + elapsedMs, 0) / 1_000),
  };
}

async function measureArticles(parser: DocumentParser, { data, signal, print, progress }: ParseBenchOptions) {
  const overlaps = [];
  let elapsedMs = 0;
  for (const article of articles(path.join(data, 'parse-html-articles'))) {
    progress(article.name);
    const outcome = await attempt(parser, article.html, 'page.html', signal);
    elapsedMs += outcome.elapsedMs;
    overlaps.push(shingleOverlap(article.text, withoutTitle(outcome.document)));
  }
  const figures = { pages: overlaps.length, ...f1(overlaps), pagesPerSecond: overlaps.length / (elapsedMs / 1_000) };
  print(
    `parse-html-articles: ${figures.pages} pages, main text without its title, F1 ${figures.f1.toFixed(3)} (wanted: .94), precision ${figures.precision.toFixed(3)}, recall ${figures.recall.toFixed(3)}, ${figures.pagesPerSecond.toFixed(1)} pages/s\n\n`,
  );
  return figures;
}

/** The references leave out the title, which we make the first heading. */
function withoutTitle(document: ReadDocument | undefined): string {
  const [first] = document?.blocks ?? [];
  return document === undefined
    ? ''
    : first?.kind === 'heading' && first.level === 1
      ? document.text.slice(first.end)
      : document.text.slice();
}

async function measureHostile(parser: DocumentParser, { data, signal, print, progress }: ParseBenchOptions): Promise<HostileFigures> {
  const errors: Record<string, number> = {};
  let gaveText = 0;
  let crashes = 0;
  let hangs = 0;
  let slowestMs = 0;
  let neighboursRead = 0;
  const files = corpusFiles(path.join(data, 'parse-hostile'));
  for (const file of files) {
    progress(file.name);
    const { document, code, details, elapsedMs } = await attempt(parser, readFileSync(file.path), path.basename(file.path), signal);
    slowestMs = Math.max(slowestMs, elapsedMs);
    if (document !== undefined) gaveText += 1;
    if (code !== undefined) errors[code] = (errors[code] ?? 0) + 1;
    if (code === 'E_PARSE_CRASHED') {
      if (details?.['limit'] === 'deadline') hangs += 1;
      else crashes += 1;
    }
    const neighbour = await attempt(parser, Buffer.from('A good file.'), 'good.txt', signal);
    if (neighbour.document !== undefined) neighboursRead += 1;
  }
  const figures = { files: files.length, gaveText, errors, crashes, hangs, slowestMs, neighboursRead };
  const told = Object.entries(errors)
    .map(([code, count]) => `${count} ${code}`)
    .join(', ');
  print(
    `parse-hostile: ${files.length} files, ${crashes} crashes and ${hangs} hangs (wanted: 0 and 0), ${gaveText} gave text, ${told}; the slowest took ${(slowestMs / 1_000).toFixed(1)} s; ${neighboursRead} of ${files.length} good files beside them were read\n\n`,
  );
  return figures;
}

async function measureLarge(parser: DocumentParser, { data, runs, signal, print, progress }: ParseBenchOptions): Promise<LargeFigures[]> {
  const figures: LargeFigures[] = [];
  for (const file of corpusFiles(path.join(data, 'parse-large'))) {
    const bytes = readFileSync(file.path);
    const elapsed: number[] = [];
    let document: ReadDocument | undefined;
    for (let run = 0; run < runs; run += 1) {
      progress(`${file.name}, run ${run + 1}`);
      const outcome = await attempt(parser, bytes, path.basename(file.path), signal);
      document = outcome.document;
      if (document === undefined) throw new Error(`${file.name} cannot be read: ${outcome.code ?? ''}`);
      elapsed.push(outcome.elapsedMs);
    }
    if (document === undefined) continue;
    const { pages, text } = document;
    figures.push({
      name: file.name,
      pages: pages.length,
      boxes: pages.reduce((total, { boxes }) => total + (boxes?.length ?? 0) / 6, 0),
      textLength: text.length,
      pagesPerSecond: summarise(elapsed.map((ms) => (pages.length / ms) * 1_000)),
      seconds: summarise(elapsed.map((ms) => ms / 1_000)),
    });
  }
  print(
    `parse-large, ${runs} runs, median and spread (wanted: 70 pages/s of the PDF with boxes)\n${alignColumns([
      ['', 'pages', 'boxes', 'letters', 'seconds', 'pages/s'],
      ...figures.map((one) => [
        one.name,
        `${one.pages}`,
        `${one.boxes}`,
        `${one.textLength}`,
        `${one.seconds.median.toFixed(2)} (${one.seconds.minimum.toFixed(2)} to ${one.seconds.maximum.toFixed(2)})`,
        one.pages > 1
          ? `${one.pagesPerSecond.median.toFixed(1)} (${one.pagesPerSecond.minimum.toFixed(1)} to ${one.pagesPerSecond.maximum.toFixed(1)})`
          : '',
      ]),
    ])}\n`,
  );
  return figures;
}
