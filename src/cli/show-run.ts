import type { Citation } from '../spec/answers.ts';
import type { RunEvent, SettledQuestion } from '../spec/runs.ts';
import type { SettledCell } from '../spec/tables.ts';
import type { Clock } from '../util/clock.ts';
import { describePlace, visiblePlace } from './describe-place.ts';
import { createStatusLine } from './status-line.ts';
import { cellText } from './table-rows.ts';
import { formatDuration, sourceName, type Terminal, visible } from './terminal.ts';

/** Shows the events of a run to people: a status line, answers as they settle unless a file gets them, an account at the end. */
export function showRun(
  terminal: Terminal,
  clock: Clock,
  options: { readonly quiet: boolean; readonly answers: boolean },
): (event: RunEvent) => void {
  const status = createStatusLine(terminal, clock, options.quiet);
  let items = 'questions';
  return (event) => {
    switch (event.type) {
      case 'run-start':
        if (event.resumed) status.print(`Going on with the run ${event.runId}: ${event.settled} settled already.`);
        break;
      case 'cell-settled':
        items = 'cells';
        if (options.answers) {
          status.clear();
          terminal.out(describeCell(event.cell));
        } else if (event.cell.status !== 'done')
          status.print(
            `${event.cell.status}  ${sourceName(event.cell.uri)}, ${columnName(event.cell)}: ${visible(event.cell.error?.message ?? '')}`,
          );
        break;
      case 'item-settled':
        if (options.answers) {
          status.clear();
          terminal.out(describeItem(event.item));
        } else if (event.item.status !== 'done')
          status.print(`${event.item.status}  question ${event.item.index + 1}: ${visible(event.item.error?.message ?? '')}`);
        break;
      case 'run-progress':
        status.show(describeProgress(event, items));
        break;
      case 'run-end':
        status.clear();
        terminal.error(`${describeEnd(event, items)}\n`);
        break;
      case 'run-failed':
        status.clear();
        break;
      default:
        break;
    }
  };
}

/** One line for a cell, and one for the quote that bears it. */
export function describeCell(cell: SettledCell): string {
  const [citation] = cell.citations;
  const value =
    cell.purged === true
      ? 'purged'
      : cell.status === 'done' && cell.empty
        ? 'not in the document'
        : visible(cellText(cell).replaceAll(/\s+/gu, ' '));
  const doubt =
    cell.purged !== true && cell.citations.length === 0 && cell.status === 'done' && !cell.empty
      ? '  (stands nowhere in the document)'
      : '';
  const quote = citation === undefined ? '' : `  ${quoted(citation)}\n`;
  return `${sourceName(cell.uri)}, ${columnName(cell)}: ${value}${doubt}${cell.stale ? '  (stale: the document has changed)' : ''}\n${quote}`;
}

/** After its place, where there is one. */
function quoted(citation: Citation): string {
  const place = visiblePlace(citation);
  return `${place === '' ? '' : `${place}: `}"${visible(citation.quote)}"${sinceThen(citation)}`;
}

function columnName(cell: SettledCell): string {
  return visible(cell.id ?? cell.question);
}

export function describeItem(item: SettledQuestion): string {
  const head = `Question ${item.index + 1}${item.id === null ? '' : ` (${visible(item.id)})`}: ${visible(item.question)}\n`;
  if (item.status !== 'done') return `${head}${item.status}: ${visible(item.error?.message ?? 'no reason is on record')}\n\n`;
  const cited = item.citations.map(
    (citation) => `[${citation.number}] ${describePlace(citation)}: "${visible(citation.quote)}"${sinceThen(citation)}\n`,
  );
  const unsupported = item.unsupported.map((sentence) => `Not supported by a passage: ${visible(sentence)}\n`);
  const stale = item.stale ? 'Stale: the collection has changed since this was answered.\n' : '';
  const answer = item.purged === true ? 'purged' : visible(item.answer ?? '');
  return `${head}${answer}\n${cited.join('')}${unsupported.join('')}${stale}\n`;
}

/** What has become of the cited document, in words. */
export function sinceThen({ stale }: Pick<Citation, 'stale'>): string {
  return stale === undefined ? '' : ` (${stale} since)`;
}

export function describeProgress(event: Extract<RunEvent, { type: 'run-progress' }>, items = 'questions'): string {
  const settled = event.done + event.failed + event.expired;
  const parts = [`${settled} of ${event.found}${event.allFound ? '' : '+'} ${items}`];
  if (event.failed + event.expired > 0) parts.push(`${event.failed + event.expired} failed`);
  if (event.abstained > 0) parts.push(`${event.abstained} not in the documents`);
  if (event.itemsPerSecond !== null) parts.push(`${event.itemsPerSecond.toFixed(2)}/s`);
  if (event.computedTokensPerSecond !== null)
    parts.push(`${event.computedTokensPerSecond.toFixed(0)} tok/s computed, ${(event.reusedTokensPerSecond ?? 0).toFixed(0)} reused`);
  if (event.occupancy !== null) parts.push(`${event.occupancy.toFixed(1)} at once`);
  if (event.remainingMs !== null) parts.push(`${formatDuration(event.remainingMs)} left`);
  return parts.join(', ');
}

function describeEnd(event: Extract<RunEvent, { type: 'run-end' }>, items: string): string {
  const counts = `${event.items} ${items}: ${event.done} answered (${event.abstained} not in the documents), ${event.failed} failed, ${event.expired} expired`;
  const open = event.state === 'interrupted' ? `; its time is over, go on with "millrace runs resume ${event.runId}"` : '';
  return `${counts} in ${formatDuration(event.elapsedMs)}${open}`;
}
