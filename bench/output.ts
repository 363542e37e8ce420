import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';

const resultsFolder = fileURLToPath(new URL('results', import.meta.url));

/** Where a benchmark tells what it does and found: tables on standard output, or JSON alone; the result in `bench/results/` too. */
export interface Output {
  readonly print: (text: string) => void;
  readonly progress: (text: string) => void;
  finish(result: { readonly startedAt: string }): Promise<void>;
}

export function createOutput(name: string, asJson: boolean): Output {
  return {
    print: (text) => void (asJson || process.stdout.write(text)),
    progress: (text) => void (process.stderr.isTTY && process.stderr.write(`\r\u001B[2K${text}\r`)),
    async finish(result) {
      const json = `${JSON.stringify(result, null, 2)}\n`;
      if (asJson) process.stdout.write(json);
      await mkdir(resultsFolder, { recursive: true });
      const file = path.join(resultsFolder, `${name}-${result.startedAt.replaceAll(':', '-')}.local.json`);
      await writeFile(file, json);
      process.stderr.write(`Written to ${path.relative(process.cwd(), file)}\n`);
    },
  };
}

/** For options that take a whole number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}
