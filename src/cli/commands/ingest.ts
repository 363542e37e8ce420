import type { Command } from 'commander';
import { MillraceError } from '../../errors.ts';
import { boundHeap } from '../../util/bound-heap.ts';
import { systemClock } from '../../util/clock.ts';
import { durationOption } from '../duration-option.ts';
import { filterOption } from '../filter-option.ts';
import { createUnmetNames, readMetadataFile } from '../metadata-file.ts';
import { numberOption } from '../number-option.ts';
import { readPathList } from '../path-list.ts';
import { type IngestFlags, runIngest } from '../run-ingest.ts';
import { missingSources } from '../missing-sources.ts';
import type { Session } from '../session.ts';
import { runRead } from './read.ts';
import { tellEstimate } from '../show-estimate.ts';
import { createTimeLimit } from '../time-limit.ts';
import { withEstimate } from './runs.ts';

export function addIngest(program: Command, session: Session): void {
  const command = session
    .command(
      program,
      'ingest <paths...>',
      'Read files, folders and patterns into the directory; "-" reads a list of them from standard input.',
      'millrace ingest docs "reports/**/*.pdf" --set client=4711\n  find . -name "*.pdf" -print0 | millrace ingest - --null\n  millrace ingest docs --watch --prune',
    )
    .option('--set <key=value>', 'metadata of every source; may be repeated', filterOption)
    .option('--metadata <file.jsonl>', 'metadata of single sources: lines of {"source": path, "title": …, any other key: value}')
    .option('--prune', 'remove sources below the named folders whose files are gone')
    .option('--watch', 'go on with what changes, until Ctrl-C')
    .option('--dry-run', 'tell what would be read and removed, and do nothing')
    .option('--null', 'the list on standard input is separated by NUL characters instead of lines')
    .option('--no-embed', 'leave vectors for later: documents are then found by words only')
    .option('--read', 'read what was found ahead afterwards, so that questions about it are answered sooner')
    .option('--reread', 'read every file, also those that look unchanged or ended their parser before')
    .option('--batch-size <count>', 'documents of one commit (default 50)', numberOption({ least: 1, most: 1_000 }))
    .option('--max-concurrent-files <count>', 'files in hand at the same time (default 64)', numberOption({ least: 1, most: 1_000 }))
    .option('--max-time <time>', 'stop cleanly after this time, such as 45s, 30m or 8h; the same command goes on', durationOption);
  withEstimate(command).action(
    session.run(async (terminal, { paths, options }) => {
      const flags = options as IngestFlags;
      if (options.estimate === true && paths.includes('-')) {
        throw new MillraceError('E_USAGE', 'A list on standard input is read once: there is no estimate of it.');
      }
      const metadataBySource = flags.metadata === undefined ? undefined : await readMetadataFile(flags.metadata, terminal.workingDirectory);
      const mayFail = !session.hasRecord() && flags.watch !== true && !paths.includes('-');
      // What names nothing is told as ever, without a record that would be empty.
      const onlyLooks = flags.dryRun === true || (mayFail && (await missingSources(terminal, session, paths)) !== undefined);
      const mill = await session.open(onlyLooks || options.estimate === true ? 'look' : 'write');
      // Standard input is read once: what comes from there is not estimated.
      if (options.estimate === true || (!paths.includes('-') && flags.watch !== true && !onlyLooks)) {
        const told = await tellEstimate(terminal, options, 'files', (leastItems) =>
          mill.estimate.ingest(paths, {
            collection: options.collection,
            leastItems,
            signal: terminal.signal,
            ...(flags.embed === false ? { embed: false } : {}),
            ...(flags.reread === true ? { reread: true } : {}),
          }),
        );
        if (told) return 0;
      }
      const time = createTimeLimit(systemClock, options.maxTime, terminal.signal);
      boundHeap();
      const stream = mill.ingest(readPathList(paths, terminal.input ?? process.stdin, flags.null === true), {
        collection: options.collection,
        signal: time.signal,
        ...(flags.embed === false ? { embed: false } : {}),
        ...(flags.reread === true ? { reread: true } : {}),
        ...(flags.prune === true ? { prune: true } : {}),
        ...(flags.watch === true ? { watch: true } : {}),
        ...(onlyLooks ? { dryRun: true } : {}),
        ...(flags.set === undefined ? {} : { metadata: { ...flags.set } }),
        ...(metadataBySource === undefined ? {} : { metadataBySource }),
        ...(flags.batchSize === undefined ? {} : { batchSize: flags.batchSize }),
        ...(flags.maxConcurrentFiles === undefined ? {} : { maxConcurrentFiles: flags.maxConcurrentFiles }),
      });
      try {
        const found = new Set<string>();
        const reads = flags.read === true && !onlyLooks;
        const unmet = createUnmetNames(Object.keys(metadataBySource ?? {}), terminal.workingDirectory);
        const code = await runIngest(terminal, session, options, stream, (event) => {
          if ('source' in event) unmet.meet(event.source);
          if (reads && (event.type === 'document-committed' || event.type === 'document-skipped')) found.add(event.source);
        });
        const note = unmet.describe();
        if (note !== undefined && !options.quiet) terminal.error(`${note}\n`);
        if (found.size === 0) return code;
        return Math.max(code, await runRead(terminal, session, mill, [...found], options));
      } catch (error) {
        if (!time.isOver()) throw error;
        if (!options.json) terminal.error('Its time is over. What was committed is kept; the same command goes on.\n');
        return 3;
      } finally {
        time.end();
      }
    }),
  );
}
