import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects the garbage of the calling thread. V8 lets that of a new heap grow to hundreds of megabytes before it collects it for the first
 * time, and keeps to a multiple of what is alive from then on: called once, when a thread has loaded what it needs. Takes some milliseconds.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
