import { type Interval, leavesOutZero, type SelectivePoint } from '../index.ts';
import { alignColumns } from '../util/align-columns.ts';
import { visible } from './terminal.ts';

/** A table of gains with their intervals; a star where the interval leaves out 0. */
export function differenceLines(base: string, other: string, differences: Readonly<Record<string, Interval>>): string {
  const told = Object.entries(differences).filter(([, { n }]) => n > 0);
  const isGrouped = told.some(([, { n, groups }]) => groups < n);
  const rows = told.map(([name, interval]) => {
    const { mean, low, high, n, groups } = interval;
    const mark = leavesOutZero(interval) ? ' *' : '  ';
    return [name, signed(mean), `${signed(low)} … ${signed(high)}${mark}`, String(n), ...(isGrouped ? [String(groups)] : [])];
  });
  const head = ['', 'difference', 'interval', 'n', ...(isGrouped ? ['groups'] : [])];
  return `\n${visible(other)} minus ${visible(base)}, 95 % paired bootstrap (* leaves out 0)\n${alignColumns([head, ...rows])}\n`;
}

/** What would be given of the same answers at a higher `verify.leastConfidence`; nothing where they were not verified. */
export function selectiveLines(name: string, curve: readonly SelectivePoint[]): string {
  if (curve.length === 0) return '';
  const share = (value: number | null): string => value?.toFixed(3) ?? '–';
  const rows = curve.map(({ leastConfidence, coverage, right, abstentionRecall, falseRefusals }) => [
    leastConfidence.toFixed(2),
    share(coverage.value),
    share(right.value),
    String(right.n),
    share(abstentionRecall.value),
    share(falseRefusals.value),
  ]);
  const head = ['leastConfidence', 'answered', 'right of these', 'n', 'abstentionRecall', 'falseRefusals'];
  return `\n${visible(name)}, the same answers given from a confidence on (verify.leastConfidence)\n${alignColumns([head, ...rows])}\n`;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}
