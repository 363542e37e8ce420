import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { EmbeddingContestant, GenerateJob, GeneratingContestant, JobUsage } from '../contestant.ts';

export interface LlamaServerOptions {
  /** The program. Its own folder is searched for shared libraries. */
  readonly path: string;
  readonly modelPath: string;
  readonly threads: number;
  /** Added last, so that they win. */
  readonly extraFlags: readonly string[];
  readonly signal: AbortSignal;
}

const startTimeoutMs = 120_000;
const keptLogBytes = 16_384;

/** Tells when the first token of a single request comes. */
export interface StreamingContestant extends GeneratingContestant {
  answer(job: GenerateJob, signal: AbortSignal): Promise<{ readonly firstTokenMs: number; readonly usage: JobUsage }>;
}

interface Timings {
  readonly prompt_n: number;
  readonly cache_n?: number;
  readonly predicted_n: number;
  readonly prompt_ms: number;
  readonly predicted_ms: number;
}

/**
 * Settings its documentation names for many requests: a slot for each, continuous batching (default), one KV cache for all slots, the
 * prompt cache in RAM (default) that brings a prefix into any slot.
 */
export async function startGeneratingServer(
  options: LlamaServerOptions & { readonly slots: number; readonly kvTokens: number },
): Promise<StreamingContestant> {
  const threads = String(options.threads);
  const flags = [
    '-np',
    String(options.slots),
    '-c',
    String(options.kvTokens),
    '-kvu',
    '-t',
    threads,
    '-tb',
    threads,
    ...options.extraFlags,
  ];
  const server = await startServer(options, flags);

  async function one(job: GenerateJob, cache: boolean, signal: AbortSignal): Promise<JobUsage> {
    const body = { prompt: job.tokens, n_predict: job.maxTokens, temperature: 0, ignore_eos: job.endsItself !== true, cache_prompt: cache };
    const { timings } = (await server.post('/completion', body, signal)) as { readonly timings: Timings };
    return usageOf(timings);
  }

  return {
    name: 'llama-server',
    version: server.version,
    flags: flags.join(' '),
    reuses: ['first alone', 'one after another'],
    async generate({ jobs, reuse }, signal) {
      const together = (list: readonly GenerateJob[]) => Promise.all(list.map((job) => one(job, reuse !== undefined, signal)));
      if (reuse === undefined) return together(jobs);
      const alone = reuse === 'first alone' ? 1 : jobs.length;
      const results: JobUsage[] = [];
      for (const job of jobs.slice(0, alone)) results.push(await one(job, true, signal));
      return [...results, ...(await together(jobs.slice(alone)))];
    },
    async answer(job, signal) {
      const startedAt = performance.now();
      const body = {
        prompt: job.tokens,
        n_predict: job.maxTokens,
        temperature: 0,
        ignore_eos: job.endsItself !== true,
        cache_prompt: true,
        stream: true,
      };
      let firstTokenMs: number | undefined;
      let usage: JobUsage | undefined;
      for await (const event of server.stream('/completion', body, signal)) {
        firstTokenMs ??= performance.now() - startedAt;
        const { timings } = event as { readonly timings?: Timings };
        if (timings !== undefined) usage = usageOf(timings);
      }
      if (firstTokenMs === undefined || usage === undefined) throw new Error('llama-server ended a stream without its last event.');
      return { firstTokenMs, usage };
    },
    close: server.close,
  };
}

function usageOf({ prompt_n, cache_n = 0, predicted_n, prompt_ms, predicted_ms }: Timings): JobUsage {
  return {
    promptTokens: prompt_n + cache_n,
    cachedTokens: cache_n,
    outputTokens: predicted_n,
    prefillMs: prompt_ms,
    decodeMs: predicted_ms,
  };
}

export async function startEmbeddingServer(options: LlamaServerOptions): Promise<EmbeddingContestant> {
  const threads = String(options.threads);
  const flags = ['--embedding', '-np', '32', '-kvu', '-c', '16384', '-t', threads, '-tb', threads, ...options.extraFlags];
  const server = await startServer(options, flags);
  return {
    name: 'llama-server',
    version: server.version,
    flags: flags.join(' '),
    modes: ['batched'],
    async embed(texts, _mode, signal) {
      for (let start = 0; start < texts.length; start += 256)
        await server.post('/v1/embeddings', { input: texts.slice(start, start + 256) }, signal);
    },
    close: server.close,
  };
}

async function startServer(options: LlamaServerOptions, flags: readonly string[]) {
  const environment = { ...process.env, LD_LIBRARY_PATH: [dirname(options.path), process.env['LD_LIBRARY_PATH'] ?? ''].join(':') };
  const version = await versionOf(options.path, environment);
  const port = await freePort();
  const fixed = ['-m', options.modelPath, '--host', '127.0.0.1', '--port', String(port), '--no-webui'];
  const child = spawn(options.path, [...fixed, ...flags], { stdio: ['ignore', 'ignore', 'pipe'], env: environment });
  let log = '';
  let ended = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-keptLogBytes)));
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true;
      resolve();
    };
    child.once('close', end).once('error', end);
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);

  const url = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    process.off('exit', kill);
    await endChild(child, exited);
  };
  try {
    await healthy();
  } catch (error) {
    await close();
    throw error;
  }

  async function healthy(): Promise<void> {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(startTimeoutMs)]);
    for (;;) {
      if (ended) throw new Error(`${options.path} ended while it started (${child.signalCode ?? child.exitCode}):\n${log}`);
      const response = await fetch(`${url}/health`, { signal }).catch(() => undefined);
      if (response?.ok === true) return;
      await sleep(100, undefined, { signal });
    }
  }

  return {
    version,
    close,
    async post(route: string, body: unknown, signal: AbortSignal): Promise<unknown> {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url + route, { method: 'POST', headers, body: JSON.stringify(body), signal });
      if (!response.ok) throw new Error(`llama-server answered ${response.status} to ${route}: ${(await response.text()).slice(0, 500)}`);
      return response.json();
    },
    async *stream(route: string, body: unknown, signal: AbortSignal): AsyncGenerator<unknown> {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url + route, { method: 'POST', headers, body: JSON.stringify(body), signal });
      if (!response.ok || response.body === null) throw new Error(`llama-server answered ${response.status} to ${route}.`);
      let rest = '';
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line.startsWith('data: {')) yield JSON.parse(line.slice('data: '.length));
      }
    },
  };
}

async function endChild(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 2_000);
  await exited;
  clearTimeout(timer);
}

async function versionOf(path: string, env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(path, ['--version'], { env, timeout: 10_000 });
    return /version: (.*)/.exec(stdout + stderr)?.[1] ?? 'unknown';
  } catch (cause) {
    throw new Error(`${path} cannot be run. Name a llama-server that works on this machine with --llama-server.`, { cause });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('There is no free port.')),
      );
    });
  });
}
