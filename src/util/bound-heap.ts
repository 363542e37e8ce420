import { setFlagsFromString } from 'node:v8';
import { collectGarbage } from './collect-garbage.ts';

/**
 * Keeps the heap of this process within 1.6 times of what is alive: V8 would take up to four times, and before its first collection hundreds
 * of megabytes. For programs of ours whose work goes on for long; the process of somebody else's program is theirs.
 */
export function boundHeap(): void {
  setFlagsFromString('--heap-growing-percent=60');
  collectGarbage();
}
