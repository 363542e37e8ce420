import type { ReadEvent } from '../spec/reading.ts';
import type { Clock } from '../util/clock.ts';
import { createStatusLine } from './status-line.ts';
import { formatBytes, formatDuration, sourceName, type Terminal } from './terminal.ts';

/** Shows the events of one `read` to people: the estimate, a status line, passages with `--verbose`, an account at the end. */
export function showRead(
  terminal: Terminal,
  clock: Clock,
  options: { readonly quiet: boolean; readonly verbose: boolean },
): (event: ReadEvent) => void {
  const status = createStatusLine(terminal, clock, options.quiet);
  return (event) => {
    switch (event.type) {
      case 'model-loading':
        status.show(`loading ${event.model}: ${Math.round((100 * event.doneBytes) / Math.max(1, event.totalBytes))} %`);
        break;
      case 'read-estimate':
        status.clear();
        if (!options.quiet) terminal.error(describeEstimate(event));
        break;
      case 'passage-read':
        if (options.verbose) status.print(`read    ${sourceName(event.source)}: passage ${event.passage + 1}, ${event.tokens} tokens`);
        break;
      case 'read-progress': {
        const rate = event.tokensPerSecond === null ? '' : `, ${event.tokensPerSecond.toFixed(0)} tokens/s`;
        const left = event.remainingMs === null ? '' : `, ${formatDuration(event.remainingMs)} left`;
        status.show(`reading: ${event.read} of ${event.fittingPassages} passages${rate}${left}`);
        break;
      }
      case 'read-end': {
        status.clear();
        const left = event.left === 0 ? '' : `, ${event.left} not read`;
        terminal.out(
          `${event.passages} passages: ${event.read} read, ${event.kept} read before${left}; ` +
            `${event.tokens} tokens, ${formatBytes(event.bytes)} in ${formatDuration(event.elapsedMs)}\n`,
        );
        break;
      }
      case 'read-failed':
        status.clear();
        break;
      case 'read-start':
        break;
    }
  };
}

function describeEstimate(event: Extract<ReadEvent, { type: 'read-estimate' }>): string {
  if (event.unreadPassages === 0) return '';
  const unfit = event.unreadPassages - event.fittingPassages;
  const notes = [
    ...(unfit === 0
      ? []
      : [`${unfit} of them do not fit the limit of ${formatBytes(event.limitBytes)} beside what is kept already, and are left out`]),
    ...(event.tooLongPassages === 0 ? [] : [`${event.tooLongPassages} are longer than the model holds`]),
  ];
  const time = event.durationMs === null ? '' : `, about ${formatDuration(event.durationMs)}`;
  return (
    `${event.unreadPassages} of ${event.passages} passages of ${event.documents} documents to read: ` +
    `${event.unreadTokens} tokens, ${formatBytes(event.unreadBytes)}${time}${notes.length === 0 ? '' : `; ${notes.join('; ')}`}\n`
  );
}
