import type { Command } from 'commander';
import type { Answer, Hit } from '../../spec/answers.ts';
import type { Session } from '../session.ts';
import { sourceName, visible } from '../terminal.ts';

export function addSearch(program: Command, session: Session): void {
  session
    .command(program, 'search <query>', 'Show the passages that match best.', 'millrace search "notice period" -n 5')
    .option('-n, --limit <count>', 'most hits', '10')
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('read');
        const result = await mill.search(argument, {
          collection: options.collection,
          limit: Number(options.limit),
          signal: terminal.signal,
          ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
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
    .command(program, 'ask <question>', 'Answer a question from the documents, with citations.', 'millrace ask "When is the rent due?"')
    .option('--quotes', 'answer with verbatim quotes, without a generator')
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('read');
        const stream = mill.ask(argument, {
          collection: options.collection,
          signal: terminal.signal,
          ...(options.quotes === true ? { quotesOnly: true } : {}),
          ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
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
