import { InvalidArgumentError } from 'commander';
import type { MetadataFilter } from '../spec/identifiers.ts';

/**
 * Adds one `key=value` to the conditions given so far; all must hold. A value that reads as a JSON number, `true`, `false` or `null`
 * is one, anything else is text; quotes make text of a number (`year="2024"`).
 * @throws InvalidArgumentError without a key or without "="
 */
export function filterOption(condition: string, before: MetadataFilter = {}): MetadataFilter {
  const at = condition.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It takes key=value, for instance year=2024.');
  const value = condition.slice(at + 1);
  const quoted = /^"(.*)"$/su.exec(value)?.[1];
  return { ...before, [condition.slice(0, at)]: quoted ?? scalar(value) };
}

function scalar(value: string): string | number | boolean | null {
  if (value === 'true' || value === 'false') return value === 'true';
  if (value === 'null') return null;
  // Not what is only written in digits: "007", and what no number holds exactly.
  const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/u.test(value) && Math.abs(Number(value)) <= Number.MAX_SAFE_INTEGER;
  return isNumber ? Number(value) : value;
}
