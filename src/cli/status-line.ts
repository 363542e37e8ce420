import type { Clock } from '../util/clock.ts';
import { shorten, type Terminal } from './terminal.ts';

/**
 * What a long command says while it works, on standard error. On a terminal the status stands on one line that is written over;
 * elsewhere it is a line of its own, at most one in five seconds.
 */
export interface StatusLine {
  show(status: string): void;
  /** A line that stays, above the status. */
  print(line: string): void;
  /** Takes the status away. */
  clear(): void;
}

const everyMs = 5_000;

export function createStatusLine(terminal: Terminal, clock: Pick<Clock, 'monotonic'>, quiet = false): StatusLine {
  let shown = '';
  let toldAt = clock.monotonic();

  function clear(): void {
    if (shown !== '') terminal.error('\r\u001b[2K');
    shown = '';
  }

  return {
    show(status) {
      if (quiet) return;
      if (terminal.interactive) {
        const fitting = shorten(status, Math.max(10, (terminal.columns || 80) - 1));
        if (fitting === shown) return;
        terminal.error(`\r\u001b[2K${fitting}`);
        shown = fitting;
      } else if (clock.monotonic() - toldAt >= everyMs) {
        toldAt = clock.monotonic();
        terminal.error(`${status}\n`);
      }
    },
    print(line) {
      const again = shown;
      clear();
      terminal.error(`${line}\n`);
      if (again !== '') this.show(again);
    },
    clear,
  };
}
