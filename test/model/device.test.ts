import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LoadEvent, LocalDevice } from '../../src/spec/engine.ts';
import { ask, callOptions, createTestDevice, filler, finalOf, loadTestEmbedder, loadTestGenerator } from './engine-fixture.ts';
import { testModel, withoutModels } from './models.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe.skipIf(withoutModels)('device', () => {
  let folder: string;
  let device: LocalDevice;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-device-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    device = createTestDevice();
  });
  afterEach(() => device.close());

  const load = (path: string, onEvent?: (event: LoadEvent) => void) =>
    device.loadGenerator({ id: 'm', title: 'M', path, sha256: '0'.repeat(64), ...(onEvent === undefined ? {} : { onEvent }) });

  it('tells loading in bytes', async () => {
    const events: LoadEvent[] = [];
    const { path } = await testModel('smollm2-135m');
    await load(path, (event) => events.push(event));
    const bytes = events.flatMap((event) => (event.type === 'model-loading' ? [event.doneBytes] : []));
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
    expect(bytes.at(-1)).toBe(statSync(path).size);
    expect(events.at(-1)).toMatchObject({ type: 'model-loaded', model: 'm' });
  });

  it('refuses files that are missing, empty, cut short or no model, and lives on', async () => {
    const { path } = await testModel('minilm-l6');
    const whole = readFileSync(path);
    const file = (name: string, bytes: Uint8Array) => {
      const target = join(folder, name);
      writeFileSync(target, bytes);
      return target;
    };
    await expect(load(join(folder, 'absent.gguf'))).rejects.toThrow(code('E_MODEL_NOT_INSTALLED'));
    await expect(load(file('empty.gguf', new Uint8Array(0)))).rejects.toThrow(code('E_MODEL_INVALID'));
    await expect(load(file('garbage.gguf', Buffer.from('no model at all'.repeat(100))))).rejects.toThrow(code('E_MODEL_INVALID'));
    await expect(load(file('header.gguf', whole.subarray(0, 2000)))).rejects.toThrow(code('E_MODEL_INVALID'));
    await expect(load(file('half.gguf', whole.subarray(0, whole.length / 2)))).rejects.toThrow(code('E_MODEL_INVALID'));
    await expect(load(path)).rejects.toThrow(code('E_MODEL_UNSUITABLE'));
    const embedder = await loadTestEmbedder(device);
    expect(await embedder.embed(['alive'], 'query', callOptions())).toHaveLength(1);
  });

  it('refuses a file whose header was changed, with no crash loop, and lives on', async () => {
    const { path } = await testModel('minilm-l6');
    const changed = join(folder, 'changed.gguf');
    // Magic, version, number of tensors, number of fields, length of the first name, and what follows.
    const offsets = [0, 4, 8, 13, 16, 21, 24, 29, 64, 333];
    for (const offset of offsets) {
      const bytes = readFileSync(path);
      bytes[offset]! ^= 0xff;
      writeFileSync(changed, bytes);
      // An embedder is no generator: where the change did no harm, that is what is said.
      await expect(load(changed), `byte ${offset}`).rejects.toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^E_MODEL_(INVALID|UNSUITABLE)$/) }),
      );
    }
    const embedder = await loadTestEmbedder(device);
    expect(await embedder.embed(['alive'], 'query', callOptions())).toHaveLength(1);
    expect((await device.statistics()).restarts).toBeLessThanOrEqual(offsets.length);
  });

  it.skipIf(process.platform === 'win32')(
    'turns the death of the child into a typed error, starts again and serves the next request',
    async () => {
      const generator = await loadTestGenerator(device);
      const embedder = await loadTestEmbedder(device);
      const streaming = generator.generate(ask('Count to one thousand.', { maxTokens: 900, deliver: 'stream' }), callOptions());
      const silent = finalOf(generator.generate(ask(filler(5, 300), { maxTokens: 500 }), callOptions()));
      const silentEnd = expect(silent).rejects.toThrow(
        expect.objectContaining({ code: 'E_ENGINE_CRASHED', retryable: true, delivered: false }),
      );
      let killed = false;
      await expect(async () => {
        for await (const part of streaming) {
          if (part.type === 'text' && !killed) {
            killed = true;
            for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
          }
        }
      }).rejects.toThrow(expect.objectContaining({ code: 'E_ENGINE_CRASHED', delivered: true }));
      await silentEnd;
      expect((await finalOf(generator.generate(ask('What is water?'), callOptions()))).usage.outputTokens).toBeGreaterThan(0);
      expect(await embedder.embed(['still here'], 'query', callOptions())).toHaveLength(1);
      expect(await device.statistics()).toMatchObject({ restarts: 1, activeSequences: 0 });
    },
  );

  it.skipIf(process.platform === 'win32')('survives SIGINT and SIGTERM sent to the child', async () => {
    const generator = await loadTestGenerator(device);
    for (const pid of childrenOf(process.pid)) {
      process.kill(pid, 'SIGINT');
      process.kill(pid, 'SIGTERM');
    }
    expect((await finalOf(generator.generate(ask('What is water?'), callOptions()))).usage.outputTokens).toBeGreaterThan(0);
    expect(await device.statistics()).toMatchObject({ restarts: 0 });
  });

  it('ends what is in flight when it is closed, and leaves no child', async () => {
    const generator = await loadTestGenerator(device);
    const before = process.platform === 'win32' ? [] : childrenOf(process.pid);
    const running = expect(finalOf(generator.generate(ask('Count.', { maxTokens: 900 }), callOptions()))).rejects.toThrow(
      code('E_SHUTTING_DOWN'),
    );
    await generator.tokenizer.countTokens(['a message later']);
    await device.close();
    await running;
    await expect(generator.tokenizer.countTokens(['x'])).rejects.toThrow(code('E_SHUTTING_DOWN'));
    for (const pid of before) expect(() => process.kill(pid, 0)).toThrow();
  });

  it('rewrites a model in another weight type, whole or not at all', async () => {
    const { path } = await testModel('minilm-l6');
    const outputPath = join(folder, 'rewritten.gguf');
    await device.quantise({ inputPath: path, outputPath, type: 'Q8_0' });
    const { embedder } = await testModel('minilm-l6');
    const rewritten = await device.loadEmbedder({ id: 'q', title: 'Q', path: outputPath, sha256: '0'.repeat(64), ...embedder! });
    expect(await rewritten.embed(['alive'], 'query', callOptions())).toHaveLength(1);
    const failed = join(folder, 'failed.gguf');
    await expect(device.quantise({ inputPath: join(folder, 'garbage.gguf'), outputPath: failed, type: 'Q8_0' })).rejects.toThrow();
    await expect(device.quantise({ inputPath: path, outputPath: failed, type: 'F16', signal: AbortSignal.abort() })).rejects.toThrow(
      code('E_CANCELLED'),
    );
    expect(readdirSync(folder).filter((name) => name.includes('failed') || name.endsWith('.partial'))).toEqual([]);
  });
});

function childrenOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [child, parent, ...command] = line.trim().split(/\s+/);
    return Number(parent) === pid && command.join(' ').includes('llama') ? [Number(child)] : [];
  });
}
