import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import type { Answer, Hit, SearchOptions, StageTimings } from '../../spec/answers.ts';
import type { Pipeline } from '../../spec/pipeline.ts';
import { systemClock } from '../../util/clock.ts';
import { describePlace, visiblePlace } from '../describe-place.ts';
import { filterOption } from '../filter-option.ts';
import { numberOption } from '../number-option.ts';
import { timeoutsOf, withTimeoutOptions } from '../timeout-options.ts';
import { readPipelineFile } from '../pipeline-file.ts';
import type { Given, Session } from '../session.ts';
import { askFile, noQuestion, withEstimate, withRunOptions } from './runs.ts';
import { askInSession } from '../question-session.ts';
import { createStatusLine } from '../status-line.ts';
import { shorten, sourceName, type Terminal, visible, visibleOnLine } from '../terminal.ts';

export function addSearch(program: Command, session: Session): void {
  session
    .command(
      program,
      'search <query>',
      'Show the passages that match best. "-" reads the query from standard input.',
      'millrace search "notice period" -n 5\n  millrace search "notice period" --per-document 1 --filter team=legal',
    )
    .option('-n, --limit <count>', 'most hits (default: 10)', numberOption({ least: 1, most: 1_000 }))
    .addOption(modeOption())
    .option('--filter <key=value>', 'only documents with this metadata; may be repeated', filterOption)
    .addOption(perDocumentOption())
    .option('--no-cache', 'search anew')
    .option('--pipeline <file>', 'how passages are found and ordered, as YAML or JSON; options of the command stand above it')
    .action(
      session.run(async (terminal, { argument, options }) => {
        const pipeline = await pipelineOf(terminal, options);
        const mill = await session.open('read');
        const result = await mill.search(await questionOf(argument, terminal.signal), {
          ...searchOptions(terminal, options),
          ...(pipeline === undefined ? {} : { pipeline }),
          ...(options.limit === undefined ? {} : { limit: options.limit }),
        });
        if (options.json) terminal.out(`${JSON.stringify(result)}\n`);
        else {
          for (const notice of result.notices) terminal.error(`${notice}\n`);
          for (const hit of result.hits) terminal.out(`${describeHit(hit)}\n${passage(hit)}\n\n`);
          if (result.hits.length === 0) terminal.out('Nothing found.\n');
          if (options.verbose) terminal.error(`${describeTimings(result.timings)}\n`);
        }
        return 0;
      }),
    );
}

/** Of `--pipeline`, with the collection of the command where it names none. */
async function pipelineOf({ workingDirectory }: Terminal, { pipeline: file, collection }: Given['options']): Promise<Pipeline | undefined> {
  if (file === undefined) return undefined;
  const pipeline = await readPipelineFile(file, workingDirectory);
  return { ...pipeline, retrieve: { collection, ...pipeline.retrieve } };
}

export function addAsk(program: Command, session: Session): void {
  const command = withRunOptions(
    session.command(
      program,
      'ask [question]',
      'Answer a question from the documents, with citations. "-" reads it from standard input, --file many from a file; on a terminal, none begins a session.',
      'millrace ask "When is the rent due?"\n  millrace ask --file questions.csv --out answers.jsonl',
    ),
    'questions',
    10,
  );
  withTimeoutOptions(withEstimate(command), 'a question')
    .option('--file <file>', 'many questions: .csv or .tsv with a column "question", .jsonl, or .txt with one a line')
    .option('--out <file>', 'with --file: where the answers go, .jsonl or .csv; the same command again goes on after an interruption')
    .option('--force', 'with --file: start anew and replace the file of answers')
    .option('--quote, --quotes', 'answer with verbatim quotes, without a generator')
    .option('--show-sources', 'print each citation with version, range, place on the page and the passage it was read from')
    .addOption(
      new Option('--context-mode <mode>', 'passages one after the other (default) or all in one prompt').choices(['each', 'joined']),
    )
    .addOption(modeOption())
    .option('--filter <key=value>', 'only documents with this metadata; may be repeated', filterOption)
    .addOption(perDocumentOption())
    .option('--temperature <number>', '0 takes the likeliest token always (default)', numberOption({ least: 0, most: 2, whole: false }))
    .option('--seed <number>', 'of the sampling', numberOption({ least: 0, most: 2 ** 31 - 1 }))
    .option('--no-cache', 'compute each question by itself, also where another one is equal')
    .option('--pipeline <file>', 'how questions are answered, as YAML or JSON; options of the command stand above it')
    .action(
      session.run(async (terminal, { argument, hasArgument, options }) => {
        const timeouts = timeoutsOf(options);
        const pipeline = await pipelineOf(terminal, options);
        const answering = {
          ...(pipeline === undefined ? {} : { pipeline }),
          ...(timeouts === undefined ? {} : { timeouts }),
          ...(options.quotes === true ? { quotesOnly: true } : {}),
          ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
          ...(options.seed === undefined ? {} : { seed: options.seed }),
          ...(options.contextMode === undefined ? {} : { contextMode: options.contextMode }),
        };
        if (options.file !== undefined) {
          const { signal: _signal, timeoutMs: _timeoutMs, ...searching } = searchOptions(terminal, options);
          return askFile(terminal, session, options, { ...searching, ...answering });
        }
        const inSession = !hasArgument && process.stdin.isTTY && !options.json;
        if (!hasArgument && !inSession) throw noQuestion();
        const mill = await session.open('read');
        const asking = { ...searchOptions(terminal, options), ...answering };
        if (inSession) return askInSession(terminal, process.stdin, (question) => tellAnswer(question));
        await tellAnswer(await questionOf(argument, terminal.signal));
        return 0;

        async function tellAnswer(question: string): Promise<void> {
          const stream = mill.ask(question, asking);
          const status = createStatusLine(terminal, systemClock, options.quiet || options.json);
          let streamed = '';
          for await (const event of stream) {
            status.clear();
            if (options.json) continue;
            if (event.type === 'sources' && !options.quiet) {
              for (const hit of event.hits) terminal.error(`${describeHit(hit)}\n`);
              terminal.error('\n');
            } else if (event.type === 'model-loading') {
              status.show(`loading ${event.model}: ${Math.round((event.doneBytes / Math.max(1, event.totalBytes)) * 100)} %`);
            } else if (event.type === 'answer-delta') {
              streamed += event.text;
              terminal.out(visible(event.text));
            }
          }
          const answer = await stream.result();
          if (options.json) terminal.out(`${JSON.stringify(answer)}\n`);
          else {
            terminal.out(describeAnswer(answer, streamed));
            if (options.showSources === true) terminal.out(describeSources(answer));
            if (!options.quiet) for (const notice of answer.notices) terminal.error(`${notice}\n`);
            if (options.verbose) terminal.error(`${describeUsage(answer)}\n${describeTimings(answer.timings)}\n`);
          }
        }
      }),
    );
}

export function modeOption(): Option {
  return new Option('--mode <mode>', 'how passages are found (default hybrid)').choices(['hybrid', 'text', 'vector']);
}

function perDocumentOption(): Option {
  return new Option('--per-document <count>', 'most hits of one document (default: no limit)').argParser(
    numberOption({ least: 1, most: 1_000 }),
  );
}

function searchOptions(terminal: Terminal, options: Given['options']): SearchOptions {
  return {
    // A pipeline says itself where it searches.
    ...(options.pipeline === undefined ? { collection: options.collection } : {}),
    signal: terminal.signal,
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.filter === undefined ? {} : { filter: options.filter }),
    ...(options.perDocument === undefined ? {} : { perDocument: options.perDocument }),
    ...(options.cache === false ? { cache: false } : {}),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}

async function questionOf(argument: string, signal: AbortSignal): Promise<string> {
  return argument === '-' ? (await text(addAbortSignal(signal, process.stdin))).trim() : argument;
}

/** Under the header of its table, where it begins inside of one. */
function passage({ text, tableHeader }: Hit): string {
  return visible(`${tableHeader === null ? '' : `${tableHeader.trim()}\n`}${text.trim()}`);
}

/** With the headings above it: many documents have no pages. */
export function describeHit(hit: Hit): string {
  const headings = hit.headingPath.length === 0 ? '' : `, ${visibleOnLine(hit.headingPath.join(' › '))}`;
  return `[${hit.rank}] ${describePlace(hit)}${headings}`;
}

/** What is said after the streamed text: the checked answer where it differs, its citations, or the nearest passages when there is none. */
export function describeAnswer(answer: Answer, streamed: string): string {
  const same = bare(streamed) === bare(answer.answer);
  const corrected = same ? '' : `${answer.abstained ? 'The passages do not support this' : 'Checked'}: ${visible(answer.answer)}\n`;
  return `\n${corrected}${answer.abstained ? describeNearest(answer.hits) : describeCitations(answer)}`;
}

/** Without markers, spaces and quotation marks: how an answer is compared with its checked form, whose markers are put right. */
function bare(text: string): string {
  return text.replace(/\[\d+\]|[\s.“”]/g, '');
}

const nearestHits = 3;
const nearestCharacters = 200;

function describeNearest(hits: readonly Hit[]): string {
  if (hits.length === 0) return 'No passage matches the question.\n';
  const lines = hits.slice(0, nearestHits).map((hit) => {
    const whole = visible(hit.text.trim().replaceAll(/\s+/g, ' '));
    const cut = shorten(whole, nearestCharacters);
    return `${describeHit(hit)}: ${cut}${cut === whole ? '' : ' …'}\n`;
  });
  return `Nearest passages:\n${lines.join('')}`;
}

export function describeCitations(answer: Pick<Answer, 'citations' | 'unsupported'>): string {
  const cited = answer.citations.map((citation) => `[${citation.number}] ${describePlace(citation)}: "${visible(citation.quote)}"\n`);
  const unsupported = answer.unsupported.map((sentence) => `Not supported by a passage: ${visible(sentence)}\n`);
  return [...cited, ...unsupported].join('');
}

/** Everything that is known of each citation: version of the document, page, range, place on the page, and the passage around the quote. */
function describeSources({ citations, hits, confidence, doubts = [], otherAnswers = [] }: Answer): string {
  const sources = citations.map((citation) => {
    const { number, source, document, start, end, boxes = [] } = citation;
    const hit = hits.find(({ rank }) => rank === number);
    const where = visiblePlace(citation);
    const place = boxes.map(({ left, top, right, bottom }) => `${percent(left)},${percent(top)}–${percent(right)},${percent(bottom)}`);
    return [
      `\n[${number}] ${sourceName(source)}`,
      `  document ${document}, ${where === '' ? '' : `${where}, `}characters ${start}–${end}`,
      ...(place.length === 0 ? [] : [`  on the page, in per cent of its width and height: ${place.join('; ')}`]),
      ...(hit === undefined ? [] : [`  ${visible(hit.text.trim()).replaceAll('\n', '\n  ')}`]),
      '',
    ].join('\n');
  });
  const others = otherAnswers.map(({ answer, agrees, rank }) => `${agrees ? 'Also' : 'But'} [${rank}]: ${visible(answer)}\n`);
  const sure =
    confidence === undefined ? '' : `Confidence ${confidence.toFixed(2)}${doubts.length === 0 ? '' : `: ${visible(doubts.join('; '))}`}\n`;
  return [...sources, ...others, sure].join('');
}

function percent(share: number): string {
  return (share * 100).toFixed(1);
}

export function describeUsage({ model, usage }: Answer): string {
  return `${model}: ${usage.promptTokens} prompt tokens (${usage.cachedTokens} reused), ${usage.outputTokens} written`;
}

const stageNames = {
  embedMs: 'embed',
  searchTextMs: 'text search',
  searchVectorsMs: 'vector search',
  readMs: 'read',
  sourcesMs: 'sources',
  rerankMs: 'rerank',
  modelMs: 'model',
  queuedMs: 'queued',
  prefillMs: 'prefill',
  firstTokenMs: 'first token',
  decodeMs: 'decode',
  citeMs: 'cite',
  totalMs: 'total',
} as const satisfies Record<keyof StageTimings, string>;

export function describeTimings(timings: StageTimings): string {
  const stages = Object.entries(stageNames) as [keyof StageTimings, string][];
  return stages
    .filter(([stage]) => timings[stage] !== undefined)
    .map(([stage, name]) => `${name} ${(timings[stage] ?? 0).toFixed((timings[stage] ?? 0) < 10 ? 1 : 0)} ms`)
    .join(' · ');
}
