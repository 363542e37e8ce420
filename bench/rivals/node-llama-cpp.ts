import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { EmbeddingContestant, GenerateJob, GeneratingContestant, JobUsage } from '../contestant.ts';

/** The part of its interface that is used. It is no dependency: it is measured where the user has it. */
interface NodeLlamaCpp {
  getLlama(options: object): Promise<Llama>;
}
interface Llama {
  loadModel(options: { modelPath: string }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}
interface LlamaModel {
  isEogToken(token: number): boolean;
  createContext(options: object): Promise<LlamaContext>;
  createEmbeddingContext(options: object): Promise<{ getEmbeddingFor(text: string): Promise<unknown> }>;
}
interface LlamaContext {
  getSequence(): LlamaSequence;
}
interface LlamaSequence {
  readonly nextTokenIndex: number;
  clearHistory(): Promise<void>;
  adaptStateToTokens(tokens: number[], allowShift: boolean): Promise<void>;
  evaluate(tokens: number[], options: object): AsyncIterable<number>;
}

export interface NodeLlamaCppOptions {
  readonly found: FoundPackage;
  readonly modelPath: string;
  readonly threads: number;
}

export interface FoundPackage {
  readonly version: string;
  readonly entry: string;
}

/** @param folder where it is installed (the folder that holds `node_modules`, or the package itself); default: as this project resolves it */
export function findNodeLlamaCpp(folder: string | undefined): FoundPackage | undefined {
  const candidates = folder === undefined ? resolved() : [join(folder, 'node_modules', 'node-llama-cpp'), folder];
  for (const root of candidates) {
    const manifest = join(root, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name: string; readonly version: string };
    const entry = join(root, 'dist', 'index.js');
    if (name === 'node-llama-cpp' && existsSync(entry)) return { version, entry };
  }
  if (folder === undefined) return undefined;
  throw new Error(`${folder} does not hold node-llama-cpp. Install it there: npm install --ignore-scripts node-llama-cpp@3.21.1`);
}

function resolved(): string[] {
  try {
    return [dirname(dirname(fileURLToPath(import.meta.resolve('node-llama-cpp'))))];
  } catch {
    return [];
  }
}

/** Settings its documentation names for parallel requests: one context with a sequence for each, the largest batch. */
export async function startNodeLlamaCpp(
  options: NodeLlamaCppOptions & { readonly sequences: number; readonly sequenceTokens: number },
): Promise<GeneratingContestant> {
  const { llama, model } = await loadModel(options);
  const batchSize = 512;
  const context = await model.createContext({
    sequences: options.sequences,
    contextSize: options.sequenceTokens,
    batchSize,
    threads: options.threads,
  });
  const sequences = Array.from({ length: options.sequences }, () => context.getSequence());

  async function one(job: GenerateJob, sequence: LlamaSequence, reuse: boolean, signal: AbortSignal): Promise<JobUsage> {
    if (reuse) await sequence.adaptStateToTokens(job.tokens.slice(0, -1), false);
    else await sequence.clearHistory();
    const cachedTokens = sequence.nextTokenIndex;
    let outputTokens = 0;
    for await (const token of sequence.evaluate(job.tokens.slice(cachedTokens), { temperature: 0, yieldEogToken: true })) {
      signal.throwIfAborted();
      if (token >= 0) outputTokens += 1;
      if (outputTokens >= job.maxTokens || (job.endsItself === true && model.isEogToken(token))) break;
    }
    return { promptTokens: job.tokens.length, cachedTokens, outputTokens };
  }

  /** All jobs are there from the beginning; each sequence takes the next one when it is free. */
  async function inSequences(jobs: readonly GenerateJob[], signal: AbortSignal): Promise<JobUsage[]> {
    const results: JobUsage[] = [];
    const rest = jobs.entries();
    await Promise.all(
      sequences.map(async (sequence) => {
        for (const [index, job] of rest) results[index] = await one(job, sequence, false, signal);
      }),
    );
    return results;
  }

  return {
    name: 'node-llama-cpp',
    version: options.found.version,
    flags: `sequences ${options.sequences}, contextSize ${options.sequenceTokens}, batchSize ${batchSize}, threads ${options.threads}`,
    reuses: ['one after another'],
    async generate({ jobs, reuse }, signal) {
      if (reuse === undefined) return inSequences(jobs, signal);
      const results: JobUsage[] = [];
      for (const job of jobs) results.push(await one(job, sequences[0]!, true, signal));
      return results;
    },
    close: () => llama.dispose(),
  };
}

export async function startNodeLlamaCppEmbedder(options: NodeLlamaCppOptions): Promise<EmbeddingContestant> {
  const { llama, model } = await loadModel(options);
  const context = await model.createEmbeddingContext({ threads: options.threads });
  return {
    name: 'node-llama-cpp',
    version: options.found.version,
    flags: `threads ${options.threads}`,
    modes: ['batched'],
    async embed(texts, _mode, signal) {
      // It puts calls that wait one behind the other itself.
      await Promise.all(
        texts.map(async (text) => {
          signal.throwIfAborted();
          await context.getEmbeddingFor(text);
        }),
      );
    },
    close: () => llama.dispose(),
  };
}

async function loadModel({ found, modelPath, threads }: NodeLlamaCppOptions): Promise<{ llama: Llama; model: LlamaModel }> {
  const { getLlama } = (await import(pathToFileURL(found.entry).href)) as NodeLlamaCpp;
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, maxThreads: threads, logLevel: 'error' });
  try {
    return { llama, model: await llama.loadModel({ modelPath }) };
  } catch (error) {
    await llama.dispose();
    throw error;
  }
}
