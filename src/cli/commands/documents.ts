import { resolve } from 'node:path';
import type { Command } from 'commander';
import { MillraceError } from '../../errors.ts';
import type { Mill } from '../../spec/mill.ts';
import { systemClock } from '../../util/clock.ts';
import type { Session } from '../session.ts';
import { showIngest } from '../show-ingest.ts';
import { sourceName, visible } from '../terminal.ts';

export function addIngest(program: Command, session: Session): void {
  session
    .command(
      program,
      'ingest <paths...>',
      'Read files, folders and patterns into the directory.',
      'millrace ingest docs "reports/**/*.pdf"',
    )
    .option('--no-embed', 'leave vectors for later: documents are then found by words only')
    .option('--reread', 'read every file, also those that look unchanged or ended their parser before')
    .action(
      session.run(async (terminal, { paths, options }) => {
        const mill = await session.open('write');
        const show = showIngest(terminal, systemClock, options);
        const stream = mill.ingest(paths, {
          collection: options.collection,
          signal: terminal.signal,
          ...(options.embed === false ? { embed: false } : {}),
          ...(options.reread === true ? { reread: true } : {}),
        });
        for await (const event of stream) {
          if (options.json) terminal.out(`${JSON.stringify(event)}\n`);
          else show(event);
          if (options.json && event.type === 'ingest-failed') session.failureTold();
        }
        const { failed } = await stream.result();
        return failed > 0 ? 3 : 0;
      }),
    );
}

export function addDocuments(program: Command, session: Session): void {
  const documents = program.command('documents').description('List, show and remove what is in the directory.');
  session.command(documents, 'list', 'List the sources of a collection.', 'millrace documents list --json', { isDefault: true }).action(
    session.run(async (terminal, { options }) => {
      const mill = await session.open('read');
      let afterKey: string | undefined;
      let listed = 0;
      for (;;) {
        terminal.signal.throwIfAborted();
        const page = await mill.documents.list({ collection: options.collection, ...(afterKey === undefined ? {} : { afterKey }) });
        for (const source of page.sources) {
          if (options.json) terminal.out(`${JSON.stringify(source)}\n`);
          else terminal.out(`${source.error === null ? 'ok    ' : 'failed'}  ${sourceName(source.uri)}\n`);
        }
        listed += page.sources.length;
        if (page.nextKey === null) {
          if (listed === 0) await requireCollection(mill, options.collection);
          return 0;
        }
        afterKey = page.nextKey;
      }
    }),
  );
  session
    .command(
      documents,
      'show <source>',
      'Show one source: a path, or the id it was handed over with.',
      'millrace documents show docs/rules.pdf',
    )
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('read');
        const key = await sourceKey(mill, terminal.workingDirectory, argument, options.collection);
        const shown = await mill.documents.show(key, { collection: options.collection });
        if (options.json) terminal.out(`${JSON.stringify(shown)}\n`);
        else {
          const { source, document } = shown;
          terminal.out(`${sourceName(source.uri)}\n${source.title === null ? '' : `title: ${visible(source.title)}\n`}`);
          if (source.error !== null) terminal.out(`failed: ${visible(source.error.message)}\n`);
          terminal.out(document === null ? 'no document\n' : `document: ${document.id}\n`);
        }
        return 0;
      }),
    );
  session
    .command(documents, 'remove <source>', 'Take a source out of the record; the file stays.', 'millrace documents remove docs/rules.pdf')
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('write');
        const key = await sourceKey(mill, terminal.workingDirectory, argument, options.collection);
        await mill.documents.remove(key, { collection: options.collection });
        if (options.json) terminal.out(`${JSON.stringify({ removed: key })}\n`);
        else if (!options.quiet) terminal.out(`removed ${visible(key)}\n`);
        return 0;
      }),
    );
  session
    .command(program, 'rebuild', 'Make the text and vector indexes anew from the record, which stays as it is.', 'millrace rebuild')
    .action(
      session.run(async (terminal, { options }) => {
        await (await session.open('write')).rebuild({ signal: terminal.signal });
        if (options.json) terminal.out(`${JSON.stringify({ rebuilt: true })}\n`);
        else if (!options.quiet) terminal.out('The indexes are made anew.\n');
        return 0;
      }),
    );
  session.command(program, 'verify', 'Compare record and indexes.', 'millrace verify').action(
    session.run(async (terminal, { options }) => {
      const report = await (await session.open('read')).verify({ signal: terminal.signal });
      if (options.json) terminal.out(`${JSON.stringify(report)}\n`);
      else {
        const { documents, chunks, vectors } = report.checked;
        terminal.out(`${report.ok ? 'ok' : 'DIFFERENCES'}: ${documents} documents, ${chunks} chunks, ${vectors} vectors checked\n`);
        for (const problem of report.problems) terminal.out(`${problem}\n`);
      }
      return report.ok ? 0 : 1;
    }),
  );
}

async function requireCollection(mill: Mill, collection: string): Promise<void> {
  const names = (await mill.status()).collections.map((one) => one.collection);
  if (names.length === 0 || names.includes(collection)) return;
  throw new MillraceError('E_NOT_FOUND', `There is no collection "${collection}" in this directory.`, {
    remedy: 'Run "millrace status" to see what there is.',
  });
}

/** The key of the source that was named by its key, or by its path. */
async function sourceKey(mill: Mill, workingDirectory: string, name: string, collection: string): Promise<string> {
  const wanted = new Set([name, resolve(workingDirectory, name)]);
  let afterKey: string | undefined;
  for (;;) {
    const page = await mill.documents.list({ collection, ...(afterKey === undefined ? {} : { afterKey }) });
    const found = page.sources.find(({ key, uri }) => wanted.has(key) || wanted.has(uri));
    if (found !== undefined) return found.key;
    if (page.nextKey === null) break;
    afterKey = page.nextKey;
  }
  throw new MillraceError('E_SOURCE_MISSING', `The collection ${collection} holds no source "${name}".`, {
    remedy: 'Run "millrace documents list" to see what there is.',
  });
}
