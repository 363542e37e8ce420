import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { MillraceError, toMillraceError } from '../../errors.ts';
import type { Mill } from '../../spec/mill.ts';
import type { PurgeReport } from '../../spec/store-reports.ts';
import { shownInJson, sourceInJson } from '../iso-times.ts';
import type { Given, Session } from '../session.ts';
import { noDocuments } from '../require-documents.ts';
import { type IngestFlags, runIngest } from '../run-ingest.ts';
import { sourceLine, tellSource } from '../show-source.ts';
import { sourceName, type Terminal, visible } from '../terminal.ts';

export function addDocuments(program: Command, session: Session): void {
  const documents = program.command('documents').description('List, show, remove, update and retry what is in the directory.');
  session.command(documents, 'list', 'List the sources of a collection.', 'millrace documents list --json', { isDefault: true }).action(
    session.run(async (terminal, { options }) => {
      const mill = await session.open('read');
      let afterKey: string | undefined;
      let listed = 0;
      for (;;) {
        terminal.signal.throwIfAborted();
        const page = await mill.documents.list({ collection: options.collection, ...(afterKey === undefined ? {} : { afterKey }) });
        for (const source of page.sources) {
          if (options.json) terminal.out(`${JSON.stringify(sourceInJson(source))}\n`);
          else terminal.out(sourceLine(source));
        }
        listed += page.sources.length;
        if (page.nextKey === null) {
          if (listed === 0) {
            await requireCollection(mill, options.collection);
            if (!options.json) terminal.out(`${noDocuments}\n`);
          }
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
        if (options.json) terminal.out(`${JSON.stringify(shownInJson(shown))}\n`);
        else tellSource(terminal, shown);
        return 0;
      }),
    );
  session
    .command(
      documents,
      'remove <source>',
      'Take a source out of the record; the file stays.',
      'millrace documents remove docs/rules.pdf --purge',
    )
    .option('--purge', 'overwrite every trace: older versions, quotes and answers in stored runs, kept bytes')
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('change');
        const { collection } = options;
        if ((options as { readonly purge?: boolean }).purge === true) {
          await purge(terminal, mill, argument, options);
          return 0;
        }
        const key = await sourceKey(mill, terminal.workingDirectory, argument, collection);
        await mill.documents.remove(key, { collection });
        if (options.json) terminal.out(`${JSON.stringify({ removed: key })}\n`);
        else if (!options.quiet) terminal.out(`removed ${sourceName(key)}\n`);
        return 0;
      }),
    );
  for (const [verb, description, example, failed] of [
    [
      'update',
      'Read again what has changed of the sources in the record: all, or those that are named.',
      'millrace documents update --prune',
      false,
    ],
    ['retry', 'Try again the sources whose last attempt failed, those in quarantine included.', 'millrace documents retry', true],
  ] as const) {
    session
      .command(documents, `${verb} [sources...]`, description, example)
      .option('--no-embed', 'leave vectors for later')
      .option('--reread', 'read every file, also those that look unchanged')
      .option('--prune', 'remove sources whose files are gone')
      .action(
        session.run(async (terminal, { paths, options }) => {
          const mill = await session.open('change');
          const keys = await Promise.all(paths.map((one) => sourceKey(mill, terminal.workingDirectory, one, options.collection)));
          const { embed, reread, prune } = options as IngestFlags;
          const stream = mill.documents.update({
            collection: options.collection,
            signal: terminal.signal,
            ...(failed ? { failed } : {}),
            ...(keys.length === 0 ? {} : { keys }),
            ...(embed === false ? { embed } : {}),
            ...(reread === true ? { reread } : {}),
            ...(prune === true ? { prune } : {}),
          });
          const nothing = failed ? 'No source of the record failed when it was read last.' : 'The record holds no source to be read again.';
          return runIngest(terminal, session, { ...options, nothing }, stream);
        }),
      );
  }
  session
    .command(
      program,
      'backup <folder>',
      'Write a copy of the directory of one moment to a new folder, also while it is written to.',
      'millrace backup /backups/monday',
    )
    .action(
      session.run(async (terminal, { argument, options }) => {
        await (await session.open('read')).backup(argument, { signal: terminal.signal });
        if (options.json) terminal.out(`${JSON.stringify({ backup: resolve(terminal.workingDirectory, argument) })}\n`);
        else if (!options.quiet)
          terminal.out(`The copy is in ${visible(argument)}; its indexes are made anew when it is first searched.\n`);
        return 0;
      }),
    );
  session
    .command(program, 'rebuild', 'Make the text and vector indexes anew from the record, which stays as it is.', 'millrace rebuild')
    .action(
      session.run(async (terminal, { options }) => {
        const { damagedChunks } = await (await session.open('change')).rebuild({ signal: terminal.signal });
        if (options.json) terminal.out(`${JSON.stringify({ rebuilt: true, damagedChunks })}\n`);
        else if (!options.quiet) terminal.out('The indexes are made anew.\n');
        if (damagedChunks === 0) return 0;
        const remedy = '"millrace verify" names their documents: remove those and ingest them again.';
        terminal.error(`Left out: ${damagedChunks} chunks whose text is damaged. ${remedy}\n`);
        return 3;
      }),
    );
  session.command(program, 'verify', 'Compare record and indexes.', 'millrace verify').action(
    session.run(async (terminal, { options }) => {
      const report = await (await session.open('read')).verify({ signal: terminal.signal });
      if (options.json) terminal.out(`${JSON.stringify(report)}\n`);
      else {
        const { documents, chunks, vectors } = report.checked;
        terminal.out(`${report.ok ? 'ok' : 'DIFFERENCES'}: ${documents} documents, ${chunks} chunks, ${vectors} vectors checked\n`);
        for (const problem of report.problems) terminal.out(`${visible(problem)}\n`);
      }
      return report.ok ? 0 : 1;
    }),
  );
}

/** A source that was removed before may still be quoted by runs, and lie in freed pages of the record. */
async function purge(terminal: Terminal, mill: Mill, name: string, { collection, json }: Given['options']): Promise<void> {
  let keys: readonly string[];
  let missing: MillraceError | undefined;
  try {
    keys = [await sourceKey(mill, terminal.workingDirectory, name, collection)];
  } catch (error) {
    missing = toMillraceError(error);
    keys = [...new Set([name, resolve(terminal.workingDirectory, name)])];
  }
  for (const key of keys) {
    const report = await mill.documents.purge(key, { collection });
    if (report === null) continue;
    if (json) terminal.out(`${JSON.stringify({ purged: key, ...report })}\n`);
    else tellPurge(terminal, key, report);
    return;
  }
  if (missing !== undefined) throw missing;
}

/** What was overwritten, and what still holds it: files that were exported are not ours to open. */
function tellPurge(terminal: Terminal, key: string, { documents, runs }: PurgeReport): void {
  terminal.out(`purged ${sourceName(key)}: ${documents.length} documents\n`);
  for (const { run, items, label } of runs) {
    terminal.out(`run ${run}: ${items} answers blanked\n`);
    const files = Object.entries(label).filter(([name]) => name === 'out');
    for (const [, file] of files)
      terminal.error(`The file ${visible(file)} of this run may still hold its text: delete it or export it anew.\n`);
  }
}

async function requireCollection(mill: Mill, collection: string): Promise<void> {
  const names = (await mill.status()).collections.map((one) => one.collection);
  if (names.length === 0 || names.includes(collection)) return;
  throw new MillraceError('E_NOT_FOUND', `There is no collection "${collection}" in this directory.`, {
    remedy: 'Run "millrace status" to see what there is.',
  });
}

/** The key of the source that was named by its key, else by its path or the address of its file. */
async function sourceKey(mill: Mill, workingDirectory: string, name: string, collection: string): Promise<string> {
  const path = name.startsWith('file:///') ? fileURLToPath(name) : resolve(workingDirectory, name);
  for (const key of [name, path]) {
    const shown = await mill.documents.show(key, { collection }).catch((error: unknown) => {
      if (toMillraceError(error).code === 'E_NOT_FOUND') return undefined;
      throw error;
    });
    if (shown !== undefined) return key;
  }
  throw new MillraceError('E_SOURCE_MISSING', `The collection ${collection} holds no source "${name}".`, {
    remedy: 'Run "millrace documents list" to see what there is.',
  });
}
