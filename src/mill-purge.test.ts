import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFakeGenerator } from './engines/fake/generator.ts';
import { writeZip } from './parse/fixtures/write-zip.ts';
import { openFakeMill } from './testing/open-fake-mill.ts';
import { systemClock } from './util/clock.ts';

const canary = 'zyzzyva';
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-purge-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** The files of the directory in which the word stands. */
function filesWith(word: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(word))
    .map(({ name }) => name);
}

async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

it('T15: a purge leaves nothing of a container and its files, neither on the disk nor in memory, and keeps all else', async () => {
  let failing = false;
  const generator = createFakeGenerator({
    clock: systemClock,
    answer({ prompt }) {
      if (!JSON.stringify(prompt).includes(canary)) return 'Not in the documents.';
      if (failing) throw new Error(`Cannot say ${canary}.`);
      return `The word is ${canary}. [1]`;
    },
  });
  const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, generator });
  try {
    const page = `<html><head><title>About ${canary}</title></head><body><h1>The ${canary}</h1><p>The word is ${canary}.</p></body></html>`;
    await mill.ingest([{ id: 'other', text: 'The ferry carries 48 passengers.' }]).result();
    await mill.ingest([{ id: 'box', bytes: writeZip({ 'page.html': page }), title: 'Box' }]).result();
    const question = 'What is the word?';
    await mill.ask(question, { mode: 'text', cache: true }).result();
    const label = { out: '/exports/answers.csv' };
    const asked = (await firstRun(mill.askMany([question], { mode: 'text', label })))!;
    const table = (await firstRun(mill.table([question], { mode: 'text', ordered: true })))!;
    failing = true;
    const failed = (await firstRun(mill.table([question], { mode: 'text' })))!;
    expect((await mill.status()).caches).toMatchObject({ answers: { items: 1 }, retrieval: { items: expect.any(Number) as number } });
    expect(filesWith(canary).length).toBeGreaterThan(0);

    const report = await mill.documents.purge('box');
    expect(report?.runs.map(({ run }) => run).toSorted()).toEqual([asked, table, failed].toSorted());
    expect(report?.runs.find(({ run }) => run === asked)?.label).toEqual(label);
    expect(filesWith(canary)).toEqual([]);
    expect((await mill.status()).caches).toMatchObject({ answers: { items: 0 }, retrieval: { items: 0 } });
    expect((await mill.documents.list()).sources.map(({ key }) => key)).toEqual(['other']);
    for (const collection of [await mill.search(canary, { mode: 'text' }), await mill.search(canary, { mode: 'vector' })]) {
      expect(collection.hits.filter(({ text }) => text.includes(canary))).toEqual([]);
    }

    const [answered] = await allOf(mill.runs.items(asked));
    expect(answered).toMatchObject({ status: 'done', answer: '', purged: true, stale: true });
    expect(answered?.citations.map(({ quote, title, stale }) => [quote, title, stale])).toEqual([['', '', 'removed']]);
    const cells = await allOf(mill.runs.cells(table));
    expect(
      cells.filter(({ source }) => source === 'box!/page.html').map(({ value, title, purged, stale }) => [value, title, purged, stale]),
    ).toEqual([['', null, true, true]]);
    expect(cells.filter(({ source, purged }) => source === 'other' && purged === true)).toEqual([]);
    expect((await allOf(mill.runs.cells(failed))).find(({ source }) => source === 'box!/page.html')?.error).toMatchObject({
      message: expect.stringContaining('was purged') as string,
    });
    expect((await mill.verify()).problems).toEqual([]);
    expect(await mill.documents.purge('box')).toBeNull();
  } finally {
    await mill.close();
  }
});

it('T15: a purge also blanks what was made of a passage and does not cite it', async () => {
  const made = 'Somebody said xyzzyplugh.';
  const generator = createFakeGenerator({ clock: systemClock, answer: () => `${made} The ferry carries 48 passengers. [1]` });
  const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, generator });
  try {
    await mill.ingest([{ id: 'ferry', text: 'The ferry carries 48 passengers.' }]).result();
    await mill.ingest([{ id: 'secret', text: `The word on the ferry is ${canary}.` }]).result();
    const options = { mode: 'text', contextMode: 'joined', pipeline: { name: 'plain', verify: { by: 'none' } } } as const;
    const run = (await firstRun(mill.askMany(['How many passengers does the ferry carry?'], options)))!;
    const [before] = await allOf(mill.runs.items(run));
    expect(before?.citations.map(({ source }) => source)).not.toContain('secret');
    expect(before?.documents).toHaveLength(2);

    const report = await mill.documents.purge('secret');
    expect(report?.runs.map((one) => one.run)).toEqual([run]);
    const [after] = await allOf(mill.runs.items(run));
    expect(after).toMatchObject({ answer: '', purged: true });
    expect([...filesWith(canary), ...filesWith(made)]).toEqual([]);
  } finally {
    await mill.close();
  }
});

async function firstRun(stream: AsyncIterable<{ readonly runId: string | null }>): Promise<string | null> {
  const [first] = await allOf(stream);
  return first?.runId ?? null;
}
