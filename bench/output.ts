import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Without a terminal, lines of progress are at least this far apart. */
const betweenLinesMs = 5_000;
const resultsFolder = fileURLToPath(new URL('results', import.meta.url));

/** What every benchmark gets beside its own options. */
export interface Reporting {
  readonly signal: AbortSignal;
  /** Heading and tables as they are ready. */
  readonly print: (text: string) => void;
  /** What happens meanwhile. */
  readonly progress: (text: string) => void;
}

/** Where a benchmark tells what it does (on standard error) and found: tables, or JSON alone; the result in `bench/results/` too. */
export interface Output extends Omit<Reporting, 'signal'> {
  finish(result: { readonly startedAt: string }): Promise<void>;
}

export function createOutput(name: string, asJson: boolean): Output {
  return {
    print: (text) => void (asJson || process.stdout.write(text)),
    progress: process.stderr.isTTY ? (text) => void process.stderr.write(`\r\u001B[2K${text}\r`) : progressLines(),
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

function progressLines(): Output['progress'] {
  const startedAt = performance.now();
  let toldAt = Number.NEGATIVE_INFINITY;
  return (text) => {
    const now = performance.now();
    if (text === '' || now - toldAt < betweenLinesMs) return;
    toldAt = now;
    process.stderr.write(`${((now - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`);
  };
}
