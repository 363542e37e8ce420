import { afterAll } from 'vitest';

/** Warnings that tell of a fault of ours: listeners or handlers that pile up, and timers that are none. */
const faults = new Set([
  'MaxListenersExceededWarning',
  'PromiseRejectionHandledWarning',
  'UnhandledPromiseRejectionWarning',
  'TimeoutOverflowWarning',
  'TimeoutNaNWarning',
  'TimeoutNegativeWarning',
]);
const seen: string[] = [];
process.on('warning', (warning) => {
  if (faults.has(warning.name)) seen.push(warning.stack ?? String(warning));
});

afterAll(() => {
  if (seen.length > 0) throw new Error(`Node warned of ${seen.length} faults. The first: ${seen[0]}`);
});
