import type { IngestEvent } from '../spec/events.ts';
import type { Clock } from '../util/clock.ts';
import { describeLength } from './describe-place.ts';
import { createStatusLine } from './status-line.ts';
import { formatBytes, formatDuration, sourceName, type Terminal, visible, visibleOnLine } from './terminal.ts';

/**
 * Shows the events of one `ingest` to people: a status line, failures as they come, documents with `--verbose`, an account at the end, in the
 * words of `nothing` where there was nothing to do.
 */
export function showIngest(
  terminal: Terminal,
  clock: Clock,
  options: { readonly quiet: boolean; readonly verbose: boolean; readonly nothing?: string },
): (event: IngestEvent) => void {
  const status = createStatusLine(terminal, clock, options.quiet);
  const failures = new Map<string, number>();
  let dryRun = false;
  /** Failures not yet printed: where there is no source at all, one of them ends the command, and is told once, as its error. */
  const recent: Extract<IngestEvent, { type: 'document-failed' }>[] = [];

  function printFailure({ source, error }: Extract<IngestEvent, { type: 'document-failed' }>): void {
    status.print(`failed  ${sourceName(source)}: ${visibleOnLine(error.message)} ${error.remedy}`);
  }

  return (event) => {
    if (event.type !== 'document-failed' || recent.length >= 100) {
      const ending = event.type === 'ingest-failed' ? event.error.message : undefined;
      for (const failure of recent.splice(0)) if (failure.error.message !== ending) printFailure(failure);
    }
    switch (event.type) {
      case 'document-failed':
        if (event.error.code !== 'E_PARSE_CRASHED') failures.set(event.error.code, (failures.get(event.error.code) ?? 0) + 1);
        recent.push(event);
        break;
      case 'document-committed':
        if (options.verbose) status.print(`read    ${sourceName(event.source)}: ${describeLength(event)}`);
        if (!options.quiet)
          for (const warning of event.warnings) status.print(`note    ${sourceName(event.source)}: ${visibleOnLine(warning)}`);
        break;
      case 'document-skipped':
        if (options.verbose)
          status.print(`skipped ${sourceName(event.source)}: ${event.reason === 'unchanged' ? 'unchanged' : 'same content'}`);
        break;
      case 'document-found':
        if (dryRun) terminal.out(`would read   ${sourceName(event.source)} (${formatBytes(event.bytes)})\n`);
        break;
      case 'document-removed':
        if (dryRun) terminal.out(`would remove ${sourceName(event.source)}\n`);
        else if (!options.quiet) status.print(`removed ${sourceName(event.source)}: its file is gone`);
        break;
      case 'ingest-start':
        dryRun = event.dryRun === true;
        break;
      case 'ingest-progress':
        status.show(describeProgress(event));
        break;
      case 'ingest-end':
        status.clear();
        terminal.out(`${dryRun ? describeDryRun(event) : describeEnd(event, failures, options.nothing)}\n`);
        if (event.unembedded !== undefined) {
          const { chunks, error } = event.unembedded;
          terminal.error(`The embedder refused ${chunks} chunks, which are found by their words only: ${visible(error.message)}\n`);
        }
        break;
      case 'ingest-failed':
        status.clear();
        break;
      default:
        break;
    }
  };
}

/** Every stage with what waits before it and its rate: what is slow is where the queue stands. */
export function describeProgress(event: Extract<IngestEvent, { type: 'ingest-progress' }>): string {
  const { read, commit, embed } = event.stages;
  const perSecond = (rate: number | null): string =>
    rate === null || rate === 0 ? '' : ` ${rate >= 100 ? Math.round(rate) : rate.toFixed(1)}/s`;
  const parts = [
    `read ${event.settled} of ${event.found}${event.allFound ? '' : '+'}${perSecond(read.perSecond)} (${read.working} at work, ${formatBytes(event.bytesRead)})`,
    ...(commit.waiting === 0 ? [] : [`write ${commit.waiting} waiting`]),
    `embed ${event.embeddedChunks} of ${event.chunks}${perSecond(embed.perSecond)}`,
    ...(event.failed === 0 ? [] : [`${event.failed} failed`]),
    ...(event.remainingMs === null || event.remainingMs === 0 ? [] : [`${formatDuration(event.remainingMs)} left`]),
  ];
  return parts.join(' | ');
}

function describeDryRun(event: Extract<IngestEvent, { type: 'ingest-end' }>): string {
  const { indexed, skipped, failed, removed = 0, bytes } = event;
  return `Nothing was done. ${indexed} would be read (${formatBytes(bytes)}), ${skipped} look unchanged, ${failed} cannot be reached, ${removed} would be removed.`;
}

/** They are counted only where what holds them was read: the next time, unchanged, it is counted alone. */
function describeInside(inside = 0): string {
  if (inside === 0) return '';
  return inside === 1 ? ', 1 of them inside another file' : `, ${inside} of them inside other files`;
}

const nothingThere = 'No file to read was found there: folders are searched for known kinds of files, ignore files are honoured.';

function describeEnd(
  event: Extract<IngestEvent, { type: 'ingest-end' }>,
  failures: ReadonlyMap<string, number>,
  nothing = nothingThere,
): string {
  if (event.found === 0 && event.removed === undefined) return nothing;
  const reasons = [...failures].map(([code, count]) => `${code} ${count}`).join(', ');
  return (
    `${event.found} found${describeInside(event.inside)}: ${event.indexed} indexed, ${event.skipped} unchanged, ${event.removed === undefined ? '' : `${event.removed} removed, `}${event.failed} failed${reasons === '' ? '' : ` (${reasons})`}${event.quarantined === 0 ? '' : `, ${event.quarantined} in quarantine`}; ` +
    `${event.chunks} chunks, ${formatBytes(event.bytes)} in ${formatDuration(event.elapsedMs)}`
  );
}
