import type { Command } from 'commander';
import { namesOf, positive, resolvedPath } from '../option-values.ts';
import { createOutput, type Reporting } from '../output.ts';
import { largeFormats } from './large-text.ts';
import { type IngestBenchOptions, partNames, type PartName, runIngestBench } from './ingest-bench.ts';

const help = `
  throughput  documents a second with the fake embedder: durable and isolated, without isolation, without either, and LlamaIndex
  again       a folder ingested again, unchanged and with a changed tenth: with vectors that cost nothing, and with the real embedder
  memory      peak of the main process, by number of documents
  large-text  peak of main and parser process, seconds and longest turn with one large file of each format
  turns       longest turn of the process that answers questions while it ingests
  tokens      tokens a second that an ingestion keeps of the real embedder's own

Both sides of "throughput" read the same texts, cut them to the same size, take vectors that cost nothing, and end when everything is on the
disk. Runs alternate, each in a process and a directory of its own.

Examples:
  npm run bench -- ingest --data ~/data
  npm run bench -- ingest --data ~/data --llama-index ~/venv/bin/python --runs 5
  npm run bench -- ingest --data ~/data --part memory --memory-documents 5000,50000
  npm run bench -- ingest --data ~/data --part large-text --large-mb 200 --large-formats txt,md,csv,jsonl`;

interface IngestFlags extends Omit<IngestBenchOptions, 'parts' | 'largeBytes' | keyof Reporting> {
  readonly part: readonly PartName[];
  readonly largeMb: number;
  readonly json: boolean;
}

export function addIngest(program: Command, signal: AbortSignal): void {
  program
    .command('ingest')
    .description('Documents a second, memory, turns and cost of re-processing of ingestion, beside LlamaIndex.')
    .requiredOption('--data <folder>', 'folder with ir-scifact (BEIR layout)', resolvedPath)
    .option('--part <names>', `only these, separated by commas: ${partNames.join(', ')}`, namesOf(partNames), [...partNames])
    .option('--documents <count>', 'texts of one ingestion', positive, 5_183)
    .option('--memory-documents <counts>', 'separated by commas', countList, [1_000, 5_000])
    .option('--token-documents <count>', 'texts for the real embedder', positive, 100)
    .option('--large-mb <count>', 'size of the large file, MB; texts of more than 268 are refused', positive, 200)
    .option('--large-formats <names>', `separated by commas: ${largeFormats.join(', ')}`, namesOf(largeFormats), ['txt'])
    .option('--runs <count>', 'runs of each contestant', positive, 3)
    .option('--embedder <name>', 'real embedder: catalogue id or path', 'minilm-l6')
    .option('--llama-index <python>', 'a Python with llama-index-core 0.14; measured too', resolvedPath)
    .option('--json', 'print the result as JSON instead of tables', false)
    .addHelpText('after', help)
    .action(async ({ part, largeMb, json, ...rest }: IngestFlags) => {
      const output = createOutput('ingest', json);
      await output.finish(await runIngestBench({ ...rest, parts: part, largeBytes: largeMb * 1e6, signal, ...output }));
    });
}

function countList(text: string): number[] {
  return text.split(',').map((one) => positive(one.trim()));
}
