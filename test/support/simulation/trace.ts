import { createHash } from 'node:crypto';
import type { Clock } from '../../../src/util/clock.ts';

/** What happened when, as a hash; equal seeds must give equal ones. */
export interface Trace {
  note(what: string): void;
  hash(): string;
  /** The lines, where they were asked for. */
  readonly lines: readonly string[];
}

export function createTrace(clock: Pick<Clock, 'monotonic'>, keepLines: boolean): Trace {
  const digest = createHash('sha256');
  const lines: string[] = [];
  return {
    lines,
    note(what) {
      const line = `${clock.monotonic().toFixed(3)} ${what}`;
      digest.update(`${line}\n`);
      if (keepLines) lines.push(line);
    },
    hash: () => digest.copy().digest('hex'),
  };
}
