import type { Interval } from '../index.ts';
import { alignColumns } from '../util/align-columns.ts';
import { visible } from './terminal.ts';

/** A table of gains with their intervals; a star where the interval leaves out 0. */
export function differenceLines(base: string, other: string, differences: Readonly<Record<string, Interval>>): string {
  const rows = Object.entries(differences)
    .filter(([, { n }]) => n > 0)
    .map(([name, { mean, low, high, n }]) => [
      name,
      signed(mean),
      `${signed(low)} … ${signed(high)}${low > 0 || high < 0 ? ' *' : '  '}`,
      String(n),
    ]);
  return `\n${visible(other)} minus ${visible(base)}, 95 % paired bootstrap (* leaves out 0)\n${alignColumns([['', 'difference', 'interval', 'n'], ...rows])}\n`;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}
