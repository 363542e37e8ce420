import { describe, expect, it } from 'vitest';
import { createFakeEmbedder } from './engines/fake/embedder.ts';
import { createFakeGenerator } from './engines/fake/generator.ts';
import { createFakeMill, type FakeMillOptions } from './testing/fake-mill.ts';
import { createSeededRandom } from './util/random.ts';
import { systemClock } from './util/clock.ts';
import { createMemoryStore } from './store/memory/memory-store.ts';
import type { Store } from './spec/store.ts';

const clock = systemClock;
const small = createFakeEmbedder({ clock, id: 'small', dimensions: 64 });
const large = createFakeEmbedder({ clock, id: 'large', dimensions: 128, maxInputTokens: 512, limits: { batchTokens: 512, batchItems: 8 } });
const code = (expected: string) => expect.objectContaining({ code: expected });
const note = { id: 'ferry', text: 'The ferry carries 48 passengers.' };

/** One record, opened more than once. */
function shared(): { store: Store; open(options?: Partial<FakeMillOptions>): ReturnType<typeof createFakeMill> } {
  const store = createMemoryStore({ clock, random: createSeededRandom(1) });
  const kept = { ...store, close: () => Promise.resolve() };
  return { store, open: (options = {}) => createFakeMill({ clock, store: kept, embedders: [small, large], ...options }) };
}

describe('the embedder of a collection', () => {
  it('is decided by its first ingest and used by everyone later', async () => {
    const { open } = shared();
    await using first = open({ embedder: 'large' });
    await first.ingest([note], { collection: 'contracts' }).result();
    await using second = open();
    const { hits } = await second.search('ferry', { collection: 'contracts', mode: 'vector' });
    expect(hits).toHaveLength(1);
    const status = await second.status();
    expect(status.embedder).toBe('large');
    expect(status.collections).toMatchObject([{ collection: 'contracts', embedder: 'large', embeddedChunks: 1 }]);
  });

  it('is never mixed with that of another collection: the second one is refused, and what to do is said', async () => {
    const { open } = shared();
    await using first = open({ embedder: 'large' });
    await first.ingest([note], { collection: 'contracts' }).result();
    await using second = open();
    await second.ingest([note]).result();
    await expect(second.search('ferry', { collection: 'contracts' })).rejects.toThrow(
      expect.objectContaining({ code: 'E_EMBEDDER_MISMATCH', remedy: expect.stringContaining('embedder set to large') }),
    );
    await expect(second.ingest([note], { collection: 'contracts' }).result()).rejects.toThrow(code('E_EMBEDDER_MISMATCH'));
    await expect(second.embedMany(['x'], { embedder: 'large' })).rejects.toThrow(code('E_EMBEDDER_MISMATCH'));
    expect((await second.search('ferry', { collection: 'contracts', mode: 'text' })).hits).toHaveLength(1);
    expect((await second.search('ferry', { mode: 'vector' })).hits).toHaveLength(1);
    const [vector] = await second.embedMany(['x'], { embedder: 'small' });
    expect(vector).toHaveLength(64);
  });

  it('cannot be replaced by the one that open names', async () => {
    const { open } = shared();
    await using first = open();
    await first.ingest([note]).result();
    await using second = open({ embedder: 'large' });
    await expect(second.search('ferry')).rejects.toThrow(code('E_EMBEDDER_MISMATCH'));
  });

  it('may have several names', async () => {
    const { open } = shared();
    await using mill = open();
    expect(await mill.embedMany(['x'])).toHaveLength(1);
    expect(await mill.embedMany(['x'], { embedder: 'small' })).toHaveLength(1);
  });

  it('is loaded once, however many ask at the same time', async () => {
    const loads: string[] = [];
    const { open } = shared();
    await using mill = open({
      loading(model) {
        loads.push(model);
        return Promise.resolve();
      },
    });
    await mill.ingest([note]).result();
    await Promise.all(Array.from({ length: 20 }, () => mill.ask('How many passengers does the ferry carry?').result()));
    expect(loads.toSorted()).toEqual(['fake-generator', 'small']);
  });

  it('is tried again after a load that failed', async () => {
    let failures = 1;
    const { open } = shared();
    await using mill = open({
      async loading() {
        await Promise.resolve();
        if (failures-- > 0) throw new Error('no memory');
      },
    });
    await expect(mill.ingest([note]).result()).rejects.toThrow('no memory');
    expect((await mill.ingest([note]).result()).indexed).toBe(1);
  });

  it('decides how long chunks are', async () => {
    const text = Array.from({ length: 120 }, (_, index) => `Sentence ${index} of a long story about the ferry.`).join(' ');
    const tokens = async (embedder: string) => {
      const { store, open } = shared();
      await using mill = open({ embedder });
      await mill.ingest([{ id: 'story', text }]).result();
      const found = await store.searchText('ferry', { collection: 'default' }, 100);
      const chunks = await store.readChunks(found.map(({ chunk }) => chunk));
      return Math.max(...chunks.map((chunk) => chunk.tokens));
    };
    expect(await tokens('small')).toBeLessThanOrEqual(220);
    expect(await tokens('large')).toBeGreaterThan(220);
    expect(await tokens('large')).toBeLessThanOrEqual(320);
  });
});

describe('the generator', () => {
  it('that does not exist fails the first question, after its sources, with what to do', async () => {
    await using mill = createFakeMill({ clock, generator: null });
    await mill.ingest([note]).result();
    const events = await Array.fromAsync(mill.ask('How many passengers does the ferry carry?'));
    expect(events.map(({ type }) => type)).toEqual(['sources', 'answer-failed']);
    expect(events[1]).toMatchObject({ error: { code: 'E_MODEL_NOT_INSTALLED', remedy: expect.stringContaining('millrace models pull') } });
  });

  const text = 'How many passengers does the ferry carry?';
  const tiny = createFakeGenerator({ clock, id: 'tiny' });
  const other = createFakeGenerator({ clock, id: 'other' });
  const generate = (model: string) => ({ pipeline: { generate: { model } } });

  it('of a pipeline is loaded beside that of the directory, once, with a lane of its own', async () => {
    const loads: string[] = [];
    const loading = (model: string): Promise<void> => Promise.resolve(void loads.push(model));
    await using mill = createFakeMill({ clock, furtherGenerators: [tiny, other], loading });
    await mill.ingest([note]).result();
    const asked = ['tiny', 'fake-generator', 'other', 'tiny'].map((model) => mill.ask(text, generate(model)).result());
    expect((await Promise.all(asked)).map(({ model }) => model)).toEqual(['tiny', 'fake-generator', 'other', 'tiny']);
    expect((await mill.ask(text).result()).model).toBe('fake-generator');
    expect(loads.toSorted()).toEqual(['fake-embedder', 'fake-generator', 'other', 'tiny'].toSorted());
    const status = await mill.status();
    expect(status).toMatchObject({ generator: 'fake-generator', generators: expect.arrayContaining(['tiny', 'other']) });
    expect(status.lanes.map(({ lane }) => lane).toSorted()).toEqual(['embed', 'generate', 'generate:other', 'generate:tiny', 'parse']);
  });

  it('of a pipeline is refused when there is no memory for it beside the others, and may be asked for again', async () => {
    let free = 1e9;
    await using mill = createFakeMill({ clock, furtherGenerators: [tiny], freeMemoryBytes: () => free });
    await mill.ingest([note]).result();
    await mill.ask(text).result();
    free = 1e8;
    await expect(mill.ask(text, generate('tiny')).result()).rejects.toThrow(code('E_MODEL_TOO_LARGE'));
    free = 1e9;
    expect((await mill.ask(text, generate('tiny')).result()).model).toBe('tiny');
    await expect(mill.ask(text, generate('nobody')).result()).rejects.toThrow(code('E_MODEL_NOT_INSTALLED'));
  });
});
