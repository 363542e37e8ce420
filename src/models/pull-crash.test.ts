import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  collect,
  hubEntry,
  hubPath,
  hurriedClock,
  type ModelsBench,
  openModelsBench,
  sha256,
  waitForBytes,
} from '../../test/support/models-bench.ts';
import { tinyGguf } from '../../test/support/tiny-models.ts';
import type { Clock } from '../util/clock.ts';

let bench: ModelsBench;
let children: ChildProcess[];
beforeEach(async () => {
  bench = await openModelsBench();
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await bench.close();
});

const bytes = tinyGguf({ weights: 100_000 });
const entry = hubEntry(bytes);

/** Another process that pulls the same model into the same home. */
function pullElsewhere(): ChildProcess {
  const program = `
    const { createModels } = await import(${JSON.stringify(new URL('models.ts', import.meta.url).href)});
    const { systemClock } = await import(${JSON.stringify(new URL('../util/clock.ts', import.meta.url).href)});
    const models = createModels({ home: ${JSON.stringify(bench.home)}, clock: systemClock, environment: { HF_ENDPOINT: ${JSON.stringify(bench.hub.url)} }, entries: [${JSON.stringify(entry)}] });
    for await (const event of models.pull('tiny')) process.send(event);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  return child;
}

describe('two processes and kill -9', () => {
  it('lets the second wait until the first died, and go on with its bytes', async () => {
    bench.hub.answer(hubPath, { bytes, sendBytes: 300_000, ending: 'silence' }, { bytes });
    const served = bench.hub.served(hubPath);
    const other = pullElsewhere();
    await once(other, 'message');
    await served;
    const partial = join(bench.home, 'incoming', 'tiny', 'model.gguf.partial');
    await waitForBytes(partial, 200_000);

    let waits = 0;
    const died = once(other, 'exit');
    const clock: Clock = {
      ...hurriedClock,
      async sleep(_delayMs, signal) {
        signal?.throwIfAborted();
        waits += 1;
        if (waits === 2) other.kill('SIGKILL');
        if (waits >= 2) await died;
      },
    };
    const models = bench.models([entry], { clock });
    const events = await collect(models.pull('tiny'));
    expect(waits).toBeGreaterThanOrEqual(2);
    expect(events[0]).toEqual({ type: 'model-waiting', model: 'tiny' });
    expect((events[1] as { resumedBytes: number }).resumedBytes).toBeGreaterThanOrEqual(200_000);
    expect(bench.hub.seen[1]?.range).toMatch(/^bytes=[23]\d{5}-$/u);
    expect((await models.resolve('tiny')).sha256).toBe(sha256(bytes));
  }, 30_000);

  it('fetches once when two calls want the same model', async () => {
    bench.hub.answer(hubPath, { bytes });
    const models = bench.models([entry]);
    const [first, second] = await Promise.all([collect(models.pull('tiny')), collect(models.pull('tiny'))]);
    expect(bench.hub.seen).toHaveLength(1);
    expect([first.at(-1)?.type, second.at(-1)?.type]).toEqual(['model-ready', 'model-ready']);
  });

  it('ends when the consumer leaves the loop, and frees the lock', async () => {
    bench.hub.answer(hubPath, { bytes });
    const models = bench.models([entry]);
    for await (const event of models.pull('tiny')) if (event.type === 'model-source') break;
    await collect(models.pull('tiny'));
    expect(await readdir(join(bench.home, 'incoming'))).toEqual(['tiny.lock']);
  });
});

describe('what a crash leaves between two steps', () => {
  it('a complete download that was not installed is not fetched again', async () => {
    bench.hub.answer(hubPath, { bytes });
    const folder = join(bench.home, 'incoming', 'tiny');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'model.gguf'), bytes);
    const models = bench.models([entry]);
    await collect(models.pull('tiny'));
    expect(bench.hub.seen).toEqual([]);
    expect((await models.resolve('tiny')).sha256).toBe(sha256(bytes));
  });

  it('a record without its file counts as nothing', async () => {
    bench.hub.answer(hubPath, { bytes });
    const models = bench.models([entry]);
    await collect(models.pull('tiny'));
    const { path } = await models.resolve('tiny');
    const folder = join(bench.home, 'incoming', 'tiny');
    await mkdir(folder, { recursive: true });
    await rename(path, join(folder, 'model.gguf'));
    expect((await models.list())[0]).toMatchObject({ installed: false });
    await collect(models.pull('tiny'));
    expect(bench.hub.seen).toHaveLength(1);
    expect((await models.list())[0]).toMatchObject({ installed: true, path });
  });
});
