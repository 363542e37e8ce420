import path from 'node:path';
import { InvalidArgumentError } from 'commander';

/** Parsers of option values, for commander. */

export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}

/** A path, from the working directory on. */
export function resolvedPath(text: string): string {
  return path.resolve(text);
}

/** Names separated by commas, in the order in which they are known. */
export function namesOf<Name extends string>(known: readonly Name[]): (text: string) => Name[] {
  return (text) => {
    const wanted = text.split(',').map((name) => name.trim());
    const unknown = wanted.find((name) => !known.some((one) => one === name));
    if (unknown !== undefined) throw new InvalidArgumentError(`There is no "${unknown}"; there are ${known.join(', ')}.`);
    return known.filter((name) => wanted.includes(name));
  };
}
