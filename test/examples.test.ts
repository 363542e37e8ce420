import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../examples/express-route.ts';
import type { AnswerEvent } from '../src/spec/answers.ts';
import { createFakeGenerator } from '../src/engines/fake/generator.ts';
import { createFakeMill, type FakeMill } from '../src/testing/fake-mill.ts';
import { createManualClock } from '../src/testing/manual-clock.ts';
import { systemClock } from '../src/util/clock.ts';
import { withoutModels } from './model/models.ts';

/** The examples as a newcomer runs them: `import … from 'millrace'`, in a clone by the condition that their head comment names. */
const root = fileURLToPath(new URL('../', import.meta.url));
const source = '--conditions=millrace-source';
const question = 'How many passengers does the ferry carry?';

/** For `expect.poll`: a busy machine may take its time. */
const patiently = { timeout: 20_000 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'millrace-examples-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(file: string, argumentList: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [source, path.join('examples', file), ...argumentList], {
    cwd: root,
    env: { ...process.env, ...env, NODE_OPTIONS: '' },
  });
  const output = { out: '', error: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.error += text));
  return { child, output, ended: once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]> };
}

describe('examples/ask.ts', () => {
  it.skipIf(withoutModels)(
    'ingests its texts, streams an answer from those that pass the filter, and says what it was made from',
    async () => {
      const { output, ended } = start('ask.ts', ['How many passengers does the new ferry carry?', 'smollm2-135m', path.join(folder, 'd')]);
      expect(await ended, output.error).toEqual([0, null]);
      expect(output.error).toBe('');
      expect(output.out).toContain('3 notes read, 0 unchanged.');
      const sources = [...output.out.matchAll(/^source \d+: (\S+) /gm)].map(([, id]) => id);
      expect(sources).toEqual(['note/101']);
      expect(output.out).toMatch(/\nanswer: .+\n/);
      expect(output.out).toMatch(/\(smollm2-135m, \d+ ms\)\n$/);
    },
    300_000,
  );

  it('ends with a sentence and exit code 1 when the generator is unknown', async () => {
    const { output, ended } = start('ask.ts', [question, 'no-such-model', path.join(folder, 'd')], { MILLRACE_HOME: folder });
    expect(await ended).toEqual([1, null]);
    expect(output.error).toMatch(/minilm-l6/);
    expect(output.error).not.toMatch(/^\s+at /m);
  });
});

describe('examples/express-route.ts', () => {
  const clock = createManualClock();
  let mill: FakeMill;
  let server: Server;
  let url: URL;

  beforeEach(async () => {
    // Decodes in the time of a clock that nobody moves: an answer begins and never ends by itself.
    const generator = createFakeGenerator({ clock, decodeTokensPerSecond: 1 });
    mill = createFakeMill({ clock: systemClock, generator });
    await mill.ingest([{ id: 'ferry', text: 'The ferry carries 48 passengers.', metadata: { team: 'harbour' } }]).result();
    server = createApp(mill).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ask`);
  });
  afterEach(async () => {
    await mill.close();
    server.closeAllConnections();
    server.close();
  });

  const running = () => mill.scheduler.snapshot().find(({ lane }) => lane === 'generate')?.running ?? 0;

  it('streams sources, text and one end', async () => {
    const events = post(url, { question });
    const types: string[] = [];
    const answered = (async () => {
      for await (const event of events) types.push(event.type);
    })();
    await expect.poll(running, patiently).toBe(1);
    // Crosses a socket, so it may come a little after the work began.
    await expect.poll(() => types[0], patiently).toBe('sources');
    await clock.runUntilIdle();
    await answered;
    expect(types.at(-1)).toBe('answer-end');
    // One: text is told when it was verified.
    expect(types.filter((type) => type === 'answer-delta')).toHaveLength(1);
    expect(types.filter((type) => type.startsWith('answer-end') || type.startsWith('answer-failed'))).toHaveLength(1);
  });

  it('cancels the work of a reader who goes away, while it is computed and while it waits', async () => {
    const readers = Array.from({ length: 10 }, () => new AbortController());
    const left = readers.map(async ({ signal }, reader) => {
      for await (const event of post(url, { question: `${question} Reader ${reader}` }, signal))
        expect(event.type).not.toBe('answer-failed');
    });
    await expect
      .poll(() => mill.scheduler.snapshot().map(({ lane, running: runs, waiting }) => [lane, runs, waiting.interactive]), patiently)
      .toContainEqual(['generate', 8, 2]);
    for (const reader of readers) reader.abort();
    await Promise.allSettled(left);
    await expect
      .poll(() => mill.scheduler.snapshot().every(({ running: runs, waiting }) => runs + waiting.interactive === 0), patiently)
      .toBe(true);
  });

  it('tells errors as the last event', async () => {
    const [event, ...more] = await Array.fromAsync(post(url, { question: ' ' }));
    expect(more).toEqual([]);
    expect(event).toMatchObject({ type: 'answer-failed', error: { code: 'E_INPUT_INVALID' } });
    const [filtered] = await Array.fromAsync(post(url, { question, filter: { team: { like: 'x' } } }));
    expect(filtered).toMatchObject({ type: 'answer-failed', error: { code: 'E_INPUT_INVALID' } });
  });

  it('passes the filter on', async () => {
    const events = await Array.fromAsync(post(url, { question, filter: { team: 'works' } }));
    expect(events[0]).toMatchObject({ type: 'sources', hits: [] });
    expect(events.at(-1)).toMatchObject({ type: 'answer-end', answer: { abstained: true } });
  });

  it('runs by itself on a directory, tells where, and ends on Ctrl-C', async () => {
    const directory = path.join(folder, 'd');
    const { open } = await import('../src/open.ts');
    await (await open({ directory })).close();
    const { child, output, ended } = start('express-route.ts', [directory], { PORT: '0' });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    expect(line, output.error).toMatch(/^POST http:\/\/127\.0\.0\.1:\d+\/ask$/);
    const events = await Array.fromAsync(post(new URL(line.slice('POST '.length)), { question }));
    // The directory holds nothing.
    expect(events).toEqual([
      expect.objectContaining({ type: 'answer-failed', error: expect.objectContaining({ code: 'E_NO_DOCUMENTS' }) }),
    ]);
    child.kill('SIGINT');
    expect(await ended, output.error).toEqual([0, null]);
  });
});

/** The events of one answer, as a client without libraries reads them. */
async function* post(url: URL, body: unknown, signal?: AbortSignal): AsyncGenerator<AnswerEvent> {
  const call = request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(signal === undefined ? {} : { signal }),
  });
  call.end(JSON.stringify(body));
  const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream & { readonly statusCode: number }];
  expect(response.statusCode).toBe(200);
  for await (const line of createInterface(response as NodeJS.ReadableStream)) {
    if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length)) as AnswerEvent;
  }
}
