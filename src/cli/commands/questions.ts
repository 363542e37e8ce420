import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import type { Answer, Hit, SearchOptions } from '../../spec/answers.ts';
import { filterOption } from '../filter-option.ts';
import { numberOption } from '../number-option.ts';
import type { Given, Session } from '../session.ts';
import { sourceName, type Terminal, visible } from '../terminal.ts';

export function addSearch(program: Command, session: Session): void {
  session
    .command(
      program,
      'search <query>',
      'Show the passages that match best. "-" reads the query from standard input.',
      'millrace search "notice period" -n 5',
    )
    .option('-n, --limit <count>', 'most hits', numberOption({ least: 1, most: 1_000 }), 10)
    .addOption(modeOption())
    .option('--filter <key=value>', 'only documents with this metadata; may be repeated', filterOption)
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('read');
        const result = await mill.search(await questionOf(argument), {
          ...searchOptions(terminal, options),
          ...(options.limit === undefined ? {} : { limit: options.limit }),
        });
        if (options.json) terminal.out(`${JSON.stringify(result)}\n`);
        else {
          for (const notice of result.notices) terminal.error(`${notice}\n`);
          for (const hit of result.hits) terminal.out(`${describeHit(hit)}\n${visible(hit.text.trim())}\n\n`);
          if (result.hits.length === 0) terminal.out('Nothing found.\n');
          if (options.verbose) terminal.error(`${JSON.stringify(result.timings)}\n`);
        }
        return 0;
      }),
    );
}

export function addAsk(program: Command, session: Session): void {
  session
    .command(
      program,
      'ask <question>',
      'Answer a question from the documents, with citations. "-" reads it from standard input.',
      'millrace ask "When is the rent due?"',
    )
    .option('--quotes', 'answer with verbatim quotes, without a generator')
    .addOption(modeOption())
    .option('--filter <key=value>', 'only documents with this metadata; may be repeated', filterOption)
    .option('--temperature <number>', '0 takes the likeliest token always (default)', numberOption({ least: 0, most: 2, whole: false }))
    .option('--seed <number>', 'of the sampling', numberOption({ least: 0, most: 2 ** 31 - 1 }))
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('read');
        const stream = mill.ask(await questionOf(argument), {
          ...searchOptions(terminal, options),
          ...(options.quotes === true ? { quotesOnly: true } : {}),
          ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
          ...(options.seed === undefined ? {} : { seed: options.seed }),
        });
        for await (const event of stream) {
          if (options.json) continue;
          if (event.type === 'sources' && !options.quiet) {
            for (const hit of event.hits) terminal.error(`${describeHit(hit)}\n`);
          } else if (event.type === 'answer-delta') terminal.out(visible(event.text));
        }
        const answer = await stream.result();
        if (options.json) terminal.out(`${JSON.stringify(answer)}\n`);
        else {
          terminal.out(`\n${describeCitations(answer)}`);
          if (options.verbose) terminal.error(`${JSON.stringify({ model: answer.model, ...answer.usage, ...answer.timings })}\n`);
        }
        return 0;
      }),
    );
}

function modeOption(): Option {
  return new Option('--mode <mode>', 'how passages are found (default hybrid)').choices(['hybrid', 'text', 'vector']);
}

function searchOptions(terminal: Terminal, options: Given['options']): SearchOptions {
  return {
    collection: options.collection,
    signal: terminal.signal,
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.filter === undefined ? {} : { filter: options.filter }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}

async function questionOf(argument: string): Promise<string> {
  return argument === '-' ? (await text(process.stdin)).trim() : argument;
}

export function describeHit(hit: Hit): string {
  return `[${hit.rank}] ${sourceName(hit.source)}, page ${visible(hit.pageLabel ?? String(hit.page))}`;
}

export function describeCitations(answer: Answer): string {
  const cited = answer.citations.map(
    ({ number, source, page, pageLabel, quote }) =>
      `[${number}] ${sourceName(source)}, page ${visible(pageLabel ?? String(page))}: "${visible(quote)}"\n`,
  );
  const unsupported = answer.unsupported.map((sentence) => `Not supported by a passage: ${visible(sentence)}\n`);
  return [...cited, ...unsupported].join('');
}
