import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isMillraceError } from '../errors.ts';
import type { HubFile, HubSource } from './catalogue-entry.ts';
import { requireFreeSpace } from './disk.ts';
import { createByteReports, type FetchContext, type FetchedFile, type FetchSteps, SourceError } from './fetch-step.ts';
import { hashFile } from './hash-file.ts';
import type { HttpResponse } from './http-get.ts';
import { fileBytes, partialBytes, PartialFile } from './partial-file.ts';
import { readState, writeState } from './pull-state.ts';

const defaultEndpoint = 'https://huggingface.co';
/** Attempts without a single new byte before a source is given up. */
const maxIdleAttempts = 3;
const maxAttempts = 50;
const retryPauseMs = 1_000;

/** `sha256` is there once the file is complete. */
const hubState = z.object({ address: z.string(), version: z.string().optional(), sha256: z.string().optional() });
type HubState = z.infer<typeof hubState>;

/** What was kept is of no use and was thrown away; the file is fetched from its beginning. */
class StaleError extends Error {}

/**
 * Fetches the files of a hub repository into `context.folder`. An unfinished file goes on by a range request if the hub still
 * has the same version of it; a broken connection is resumed. Each file is checked against the catalogue's sha256, or else
 * the hash that the hub states for it.
 */
export async function* fetchFromHub(source: HubSource, context: FetchContext): FetchSteps<FetchedFile[]> {
  const endpoint = (context.environment['HF_ENDPOINT'] || defaultEndpoint).replace(/(?<!\/)\/+$/u, '');
  const totalBytes = source.files.reduce((sum, file) => sum + file.bytes, 0);
  let resumedBytes = 0;
  for (const file of source.files) {
    const path = join(context.folder, file.name);
    resumedBytes += Math.max(await fileBytes(path), await partialBytes(path));
  }
  yield { type: 'model-source', model: context.model, source: `hub:${source.repository}`, totalBytes, resumedBytes };
  const fetched: FetchedFile[] = [];
  for (const file of source.files) {
    const before = fetched.reduce((sum, { bytes }) => sum + bytes, 0);
    const address = new URL(`${endpoint}/${source.repository}/resolve/${encodeURI(source.revision)}/${encodeURI(file.path)}`);
    fetched.push(yield* fetchFile(file, address, before, totalBytes, context));
  }
  return fetched;
}

async function* fetchFile(file: HubFile, address: URL, before: number, totalBytes: number, context: FetchContext): FetchSteps<FetchedFile> {
  const path = join(context.folder, file.name);
  const complete = await fileBytes(path);
  const expected = file.sha256 ?? (await readState(path, hubState))?.sha256;
  if (complete > 0 && expected !== undefined) {
    const sha256 = await hashFile(path, context.signal);
    if (sha256 === expected) return { name: file.name, path, bytes: complete, sha256 };
  }
  if (complete > 0) await rm(path);
  const report = createByteReports(context.model);
  let idle = 0;
  let restarted = false;
  for (let attempt = 1; ; attempt += 1) {
    const start = await partialBytes(path);
    try {
      return yield* fetchOnce(file, address, path, context, (done, fileTotal) =>
        report(before + done, totalBytes - file.bytes + fileTotal),
      );
    } catch (error) {
      if (isMillraceError(error) || error instanceof SourceError || context.signal?.aborted) throw error;
      if (error instanceof StaleError && !restarted) {
        restarted = true;
        continue;
      }
      idle = (await partialBytes(path)) > start ? 0 : idle + 1;
      const reachable = (await partialBytes(path)) > 0;
      if (!reachable || idle >= maxIdleAttempts || attempt >= maxAttempts)
        throw new SourceError(describeFailure(address, error), { cause: error });
      await context.clock.sleep(retryPauseMs, context.signal);
    }
  }
}

async function* fetchOnce(
  file: HubFile,
  address: URL,
  path: string,
  context: FetchContext,
  progress: ReturnType<typeof createByteReports>,
): FetchSteps<FetchedFile> {
  const state = await readState(path, hubState);
  const keepBytes = state?.address === address.href ? await partialBytes(path) : 0;
  // Opening hashes what is kept, which may take longer than a server waits: the request comes after it.
  const partial = await PartialFile.open(path, { disk: context.disk, keepBytes, expectedBytes: file.bytes, signal: context.signal });
  let open = true;
  try {
    const kept = partial.bytes;
    const response = await requestRest(address, kept, context);
    try {
      const version = statedVersion(response);
      const fits = acceptAnswer(response, kept, state, version, address);
      if (fits === 'from-start') await partial.restart();
      if (fits === 'stale') {
        open = false;
        await partial.discard();
        throw new StaleError('The unfinished download does not fit what the server has now.');
      }
      if (state?.address !== address.href || state.version !== version) {
        await writeState(path, { address: address.href, version } satisfies HubState);
      }
      const expectedBytes = statedBytes(response, partial.bytes) ?? file.bytes;
      if (file.sha256 !== null && expectedBytes !== file.bytes) {
        throw new SourceError(`${address.host} has another version of ${file.path}: ${expectedBytes} bytes instead of ${file.bytes}.`);
      }
      await requireFreeSpace(context.disk, context.folder, expectedBytes - partial.bytes, context.model);
      if (response.status !== 416) {
        for await (const part of response.body as AsyncIterable<Uint8Array>) {
          if (partial.bytes + part.byteLength > expectedBytes) {
            throw new SourceError(`${address.host} sent more than the ${expectedBytes} bytes of ${file.path}.`);
          }
          await partial.append(part);
          const report = progress(partial.bytes, expectedBytes);
          if (report !== undefined) yield report;
        }
      }
      if (partial.bytes !== expectedBytes) throw new Error(`The connection ended after ${partial.bytes} of ${expectedBytes} bytes.`);
      const sha256 = partial.digest();
      const expected = file.sha256 ?? statedHash(response);
      open = false;
      if (expected !== undefined && sha256 !== expected) {
        await partial.discard();
        if (kept > 0 && fits === 'resume') throw new StaleError('The resumed file has a wrong sha256.');
        throw new SourceError(`${file.path} from ${address.host} has the sha256 ${sha256} instead of ${expected}.`);
      }
      await writeState(path, { address: address.href, version, sha256 } satisfies HubState);
      await partial.finish();
      return { name: file.name, path, bytes: expectedBytes, sha256 };
    } finally {
      response.body.on('error', () => undefined).destroy();
    }
  } finally {
    if (open) await partial.close();
  }
}

async function requestRest(address: URL, kept: number, context: FetchContext): Promise<HttpResponse> {
  const client = await context.http();
  const token = context.environment['HF_TOKEN'];
  return client.get(address, {
    headers: { 'user-agent': 'millrace', ...(kept === 0 ? {} : { range: `bytes=${kept}-` }) },
    credentials: token === undefined || token === '' ? undefined : { authorization: `Bearer ${token}` },
    signal: context.signal,
  });
}

/** Whether the answer goes on after the kept bytes, begins anew, or shows that they are of another version. @throws SourceError */
function acceptAnswer(
  response: HttpResponse,
  kept: number,
  state: HubState | undefined,
  version: string | undefined,
  address: URL,
): 'resume' | 'from-start' | 'stale' {
  const same = version === undefined || state?.version === undefined || state.version === version;
  switch (response.status) {
    case 200:
      return 'from-start';
    case 206: {
      const start = Number(/^bytes (\d+)-/u.exec(response.headers['content-range'] ?? '')?.[1]);
      return same && start === kept ? 'resume' : 'stale';
    }
    case 416:
      return same && statedBytes(response, kept) === kept ? 'resume' : 'stale';
    case 401:
    case 403:
      throw new SourceError(
        `${address.host} refuses ${address.pathname} (HTTP ${response.status}); if it asks for consent, give it there and set HF_TOKEN.`,
      );
    case 404:
      throw new SourceError(`${address.host} has no ${address.pathname} (HTTP 404).`);
    default:
      throw new SourceError(`${address.host} answered HTTP ${response.status} for ${address.pathname}.`);
  }
}

/** The hub names the version of a large file in the answer that redirects to its storage. */
function statedVersion(response: HttpResponse): string | undefined {
  const linked = response.hops.map((headers) => headers['x-linked-etag']).find((value) => value !== undefined);
  return (linked ?? response.headers['etag'])?.replace(/^W\//u, '').replaceAll('"', '');
}

function statedHash(response: HttpResponse): string | undefined {
  const linked = response.hops.map((headers) => headers['x-linked-etag']).find((value) => value !== undefined);
  const hash = linked?.replaceAll('"', '').toLowerCase();
  return hash !== undefined && /^[0-9a-f]{64}$/u.test(hash) ? hash : undefined;
}

function statedBytes(response: HttpResponse, offset: number): number | undefined {
  const range = /\/(\d+)$/u.exec(response.headers['content-range'] ?? '')?.[1];
  if (range !== undefined) return Number(range);
  const length = response.headers['content-length'];
  return length === undefined || response.status === 416 ? undefined : offset + Number(length);
}

function describeFailure(address: URL, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `The host ${address.host} cannot be found.`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ECONNREFUSED') return `${address.host} cannot be reached (${code}).`;
  if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') return `${address.host} stopped sending.`;
  return `Fetching from ${address.host} failed: ${error instanceof Error ? error.message : String(error)}`;
}
