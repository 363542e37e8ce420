import { InvalidArgumentError } from 'commander';

/**
 * Reads the value of an option as a number from `least` to `most`.
 * @throws InvalidArgumentError, which the command line reports with the option's name and exit code 2
 */
export function numberOption({ least, most, whole = true }: { least: number; most: number; whole?: boolean }): (value: string) => number {
  return (value) => {
    const number = value.trim() === '' ? Number.NaN : Number(value);
    if (number >= least && number <= most && (!whole || Number.isInteger(number))) return number;
    throw new InvalidArgumentError(`It takes a ${whole ? 'whole ' : ''}number from ${least} to ${most}.`);
  };
}
