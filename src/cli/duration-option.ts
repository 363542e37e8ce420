import { InvalidArgumentError } from 'commander';

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** "45s", "30m", "8h", or a number of seconds, as ms. */
export function durationOption(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)\s*([smh]?)$/u.exec(text.trim()) ?? [];
  const ms = Number(amount) * (unitMs[unit === '' ? 's' : unit] ?? Number.NaN);
  if (amount === undefined || !(ms > 0)) throw new InvalidArgumentError('It takes a time such as 45s, 30m or 8h.');
  return ms;
}
