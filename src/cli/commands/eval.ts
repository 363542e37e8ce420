import { type Command, Option } from 'commander';
import { MillraceError } from '../../errors.ts';
import { evaluateAnswering } from '../eval-answering.ts';
import { evaluateRetrieving } from '../eval-retrieving.ts';
import { numberOption } from '../number-option.ts';
import type { EvalOptions } from '../eval-options.ts';
import type { Session } from '../session.ts';

const example = `millrace eval --beir data/scifact --parts
  millrace eval --questions questions.jsonl --documents docs --report report.html
  millrace eval --questions questions.jsonl --documents docs --compare other.yaml --split report`;

export function addEval(program: Command, session: Session): void {
  session
    .command(
      program,
      'eval',
      'Measure retrieval on a data set in the layout of BEIR, or answers on a file of questions whose answers are known.',
      example,
    )
    .option('--beir <folder>', 'corpus.jsonl[.gz], queries.jsonl[.gz] and qrels/<split>.tsv or qrels.tsv')
    .option('--questions <file>', 'questions with expected answers: .jsonl, .csv, .tsv, .yaml, or .json (also in the form of SQuAD)')
    .option('--documents <paths...>', 'with --questions: files and folders to answer from')
    .option('--split <name>', 'with --beir: the judgements (default test); with --questions: dev to tune with, report to report')
    .option('--pipeline <file>', 'what is measured, as YAML or JSON (default: the pipeline of ask and search)')
    .option('--compare <file>', 'a second pipeline on the same questions: differences with 95 % intervals')
    .addOption(new Option('--mode <mode>', 'how passages are found (default hybrid)').choices(['hybrid', 'text', 'vector']))
    .option('--parts', 'with --beir: measure text and vector search alone, too')
    .option(
      '--depth <hits>',
      'with --beir: passages asked for map and recall@100 (default 1000); the rest is measured as a search gives it',
      numberOption({ least: 1, most: 1_000 }),
    )
    .option('--quotes', 'with --questions: answer with verbatim quotes, without a generator')
    .option('--pool', 'with --questions: ask over the passages of all questions together, not each over its own')
    .option('-n, --limit <count>', 'only so many questions, chosen by the seed', numberOption({ least: 1, most: 10_000_000 }))
    .option('--seed <number>', 'of the choice and of the intervals', numberOption({ least: 0, most: 2 ** 31 - 1 }), 1)
    .option('--concurrency <count>', 'questions at the same time', numberOption({ least: 1, most: 1_000 }), 8)
    .option('--out <file>', 'with --questions: each answer with its measures as it comes, .jsonl; the same command again goes on')
    .option('--force', 'with --out: start anew and replace the file')
    .option('--report <file>', 'a page with figures and plots, .html')
    .action(
      session.run((terminal, given) => {
        const options = given.options as EvalOptions;
        if ((options.beir === undefined) === (options.questions === undefined)) {
          throw new MillraceError('E_USAGE', 'It takes --beir with a folder, or --questions with a file.');
        }
        return options.beir === undefined ? evaluateAnswering(terminal, session, options) : evaluateRetrieving(terminal, session, options);
      }),
    );
}
