import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions, ofType } from '../../test/support/ingest-bench.ts';
import { MillraceError } from '../errors.ts';
import type { IngestEvent } from '../spec/events.ts';
import type { IngestOptions } from '../spec/mill.ts';
import type { ParsedDocument, ParseRequest } from '../spec/parser.ts';

const benches: ReturnType<typeof createIngestBench>[] = [];
function bench(options: IngestBenchOptions = {}) {
  const created = createIngestBench({ parser: containerParser, ...options });
  benches.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((one) => one.close()));
});

/** A file of JSON is a container: name → text, or another such file. Two members a portion. */
const containerParser = {
  optionsHash: 'none',
  formats: [
    { name: 'fake', version: 1 },
    { name: 'fake-box', version: 1, isContainer: true },
  ],
  concurrency: 4,
  isolation: () => Promise.resolve({ kind: 'process' as const, message: 'None.' }),
  parse({ bytes, name, membersFrom = 0 }: ParseRequest): Promise<ParsedDocument> {
    const text = Buffer.from(bytes).toString();
    const type = name.endsWith('.pdf') ? 'application/pdf' : 'text/plain';
    const head = { contentType: type, parser: 'fake', parserVersion: 1, warnings: [] };
    if (!name.endsWith('.json')) {
      return Promise.resolve({ ...head, text, pages: [{ number: 1, start: 0, end: text.length }], blocks: [] });
    }
    const files = Object.entries(JSON.parse(text) as Record<string, unknown>);
    const list = files.map(([file]) => file).join('\n');
    const portion = files.slice(membersFrom, membersFrom + 2);
    return Promise.resolve({
      ...head,
      contentType: 'application/zip',
      parser: 'fake-box',
      text: list,
      pages: [{ number: 1, start: 0, end: list.length }],
      blocks: [],
      members: portion.map(([file, content]) => ({
        name: file,
        bytes: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
        ...(content === 'broken' ? { failure: { code: 'E_DOCUMENT_DAMAGED' as const, message: `${file} is broken.` } } : {}),
      })),
      ...(membersFrom + 2 < files.length ? { nextMember: membersFrom + 2 } : {}),
    });
  },
  close: () => Promise.resolve(),
};

const box = (files: Readonly<Record<string, unknown>>): string => JSON.stringify(files);

describe('containers', () => {
  it('have a failed source for each member that could not be taken out, and are read again only when they change', async () => {
    const reads: string[] = [];
    const { run, write, folder, texts } = bench({
      parser: {
        ...containerParser,
        parse(request) {
          reads.push(request.name);
          return containerParser.parse(request);
        },
      },
    });
    const again = async (options: IngestOptions = {}): Promise<readonly IngestEvent[]> => {
      reads.length = 0;
      return run([folder], options);
    };
    const broken = {
      source: expect.stringMatching(/box\.json!\/b\.txt$/) as string,
      error: { code: 'E_DOCUMENT_DAMAGED', message: 'b.txt is broken.' },
    };
    write('box.json', box({ 'a.txt': 'The first.', 'b.txt': 'broken', 'c.txt': 'The third.' }));
    expect(ofType(await again(), 'document-failed')).toMatchObject([broken]);
    expect(await texts()).toEqual({
      'box.json': 'a.txt\nb.txt\nc.txt',
      'box.json!/a.txt': 'The first.',
      'box.json!/b.txt': null,
      'box.json!/c.txt': 'The third.',
    });
    expect((await again()).at(-1)).toMatchObject({ found: 1, skipped: 1, bytes: 0 });
    expect(reads).toEqual([]);
    expect(ofType(await again({ reread: true }), 'document-failed')).toMatchObject([broken]);
    expect(reads).not.toEqual([]);
    write('box.json', box({ 'a.txt': 'The first.', 'b.txt': 'The second, mended.', 'c.txt': 'The third.' }));
    expect(ofType(await again(), 'document-failed')).toEqual([]);
    expect((await texts())['box.json!/b.txt']).toBe('The second, mended.');
  });

  it('are not on record where the record failed to take a member, whatever else it took', async () => {
    let isFull = true;
    const { run, write, folder, texts } = bench({
      onCommit(operations) {
        const keys = operations.map((operation) => ('source' in operation ? operation.source.key : ''));
        if (isFull && keys.some((key) => key.endsWith('b.txt'))) throw new MillraceError('E_DISK_FULL', 'The disk is full.');
      },
    });
    write('box.json', box({ 'in.json': { 'a.txt': 'The first.', 'b.txt': 'The second.' } }));
    expect((await run([folder], { batchSize: 1 })).at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_DISK_FULL' } });
    expect(await texts()).toEqual({ 'box.json!/in.json!/a.txt': 'The first.' });
    isFull = false;
    expect((await run([folder])).at(-1)).toMatchObject({ type: 'ingest-end', failed: 0 });
    expect(Object.keys(await texts())).toHaveLength(4);
  });

  it('become a document with a document for each member, however deep, committed before it', async () => {
    const { run, write, folder, texts, requireWhole, commits, store } = bench();
    write('box.json', box({ 'a.txt': 'The first.', 'in.json': { 'b.txt': 'The second.' }, 'c.txt': 'The third.' }));
    const events = await run([folder], { metadata: { team: 'mill' } });
    expect(await texts()).toEqual({
      'box.json': 'a.txt\nin.json\nc.txt',
      'box.json!/a.txt': 'The first.',
      'box.json!/in.json': 'b.txt',
      'box.json!/in.json!/b.txt': 'The second.',
      'box.json!/c.txt': 'The third.',
    });
    expect(events.at(-1)).toMatchObject({ found: 5, inside: 4, indexed: 5, failed: 0 });
    const order = commits
      .flat()
      .flatMap((operation) => (operation.type === 'commitDocument' ? [operation.source.key.split('/').at(-1)] : []));
    expect(order.at(-1)).toBe('box.json');
    const [, member] = await store.listSources('default');
    expect(member).toMatchObject({ uri: expect.stringMatching(/^file:.*box\.json!\/a\.txt$/), metadata: { team: 'mill' }, mtime: null });
    await requireWhole();
  });

  it('are skipped when unchanged, and drop members that vanished', async () => {
    const { run, write, folder, texts, requireWhole } = bench();
    write('box.json', box({ 'a.txt': 'The first.', 'in.json': { 'b.txt': 'The second.' }, 'c.txt': 'The third.' }));
    await run([folder]);
    expect((await run([folder])).at(-1)).toMatchObject({ found: 1, skipped: 1, indexed: 0 });
    write('box.json', box({ 'a.txt': 'The first.', 'c.txt': 'The third, changed.' }), Date.UTC(2025, 1, 1));
    const events = await run([folder]);
    expect(events.at(-1)).toMatchObject({ found: 3, skipped: 1, indexed: 2 });
    expect(Object.keys(await texts())).toEqual(['box.json', 'box.json!/a.txt', 'box.json!/c.txt']);
    await requireWhole();
  });

  it('are read again when only their members had been committed', async () => {
    const first = bench({
      onCommit(operations) {
        if (operations.some((one) => one.type === 'commitDocument' && one.source.key.endsWith('.json'))) throw new Error('power cut');
      },
    });
    first.write('box.json', box({ 'a.txt': 'The first.', 'b.txt': 'The second.' }));
    const stopped = await first.run([first.folder], { batchSize: 1 });
    expect(
      ofType(stopped, 'document-failed')
        .map(({ error }) => error.message)
        .join(),
    ).toContain('power cut');
    expect(Object.values(await first.texts())).toContain('The second.');
    const second = bench({ store: first.store });
    const events = await second.run([first.folder], { reread: true });
    expect(events.at(-1)).toMatchObject({ indexed: 1, skipped: 2, failed: 0 });
  });

  it('that nest without end are refused, and what is above stays', async () => {
    const { run, write, folder, texts } = bench();
    let nested: unknown = { 'deep.txt': 'Deep.' };
    for (let depth = 0; depth < 6; depth += 1) nested = { 'in.json': nested };
    write('box.json', box({ 'a.txt': 'The first.', 'in.json': nested }));
    const events = await run([folder]);
    const failed = ofType(events, 'document-failed');
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      source: expect.stringMatching(/(?:in\.json!\/){3}in\.json$/),
      error: { code: 'E_DOCUMENT_TOO_LARGE' },
    });
    expect(Object.keys(await texts())).toContain('box.json!/a.txt');
  });

  it('that unpack to more than a hundred times their size are refused, in however many portions they come', async () => {
    const megabytes = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(count * 1024 * 1024).fill(0x61);
    const { run, write, folder, texts } = bench({
      parser: {
        ...containerParser,
        async parse(request) {
          const parsed = await containerParser.parse(request);
          const { members } = parsed;
          if (members === undefined) return { ...parsed, text: 'Long.', pages: [{ number: 1, start: 0, end: 5 }] };
          return { ...parsed, members: members.map(({ name }) => ({ name, bytes: megabytes(4) })) };
        },
      },
    });
    write('box.json', box({ 'a.txt': 'x', 'b.txt': 'x', 'c.txt': 'x', 'd.txt': 'x' }));
    const events = await run([folder]);
    expect(ofType(events, 'document-failed')).toMatchObject([{ source: `${folder}/box.json`, error: { code: 'E_DOCUMENT_TOO_LARGE' } }]);
    expect(Object.keys(await texts())).toEqual(['box.json', 'box.json!/a.txt', 'box.json!/b.txt']);
    expect((await run([folder])).at(-1)).toMatchObject({ found: 1, failed: 1 });
  });

  it('with a member that cannot be read keep the others', async () => {
    const { run, write, folder, texts } = bench({
      parser: {
        ...containerParser,
        parse: (request) => (request.name === 'bad.txt' ? Promise.reject(new Error('bad')) : containerParser.parse(request)),
      },
    });
    write('box.json', box({ 'bad.txt': 'x', 'good.txt': 'Good.', 'last.txt': 'Last.' }));
    expect((await run([folder])).at(-1)).toMatchObject({ found: 4, indexed: 3, failed: 1 });
    expect(await texts()).toMatchObject({ 'box.json!/bad.txt': null, 'box.json!/last.txt': 'Last.' });
  });

  it('keep their files when a copy of them is removed or they are renamed', async () => {
    const { run, write, folder, texts, store, requireWhole } = bench();
    const content = box({ 'a.txt': 'The first.', 'b.pdf': 'The second.', 'in.json': { 'c.txt': 'The third.' } });
    write('one.json', content);
    write('two.json', content);
    const events = await run([folder]);
    expect(events.at(-1)).toMatchObject({ found: 10, failed: 0 });
    rmSync(join(folder, 'one.json'));
    await store.commit([{ type: 'removeSource', collection: 'default', key: `${folder}/one.json`, at: 1 }]);
    const files = ['', '!/a.txt', '!/b.pdf', '!/in.json', '!/in.json!/c.txt'];
    expect(Object.keys(await texts())).toEqual(files.map((name) => `two.json${name}`));
    renameSync(join(folder, 'two.json'), join(folder, 'three.json'));
    expect((await run([folder], { prune: true })).at(-1)).toMatchObject({ removed: 5, failed: 0 });
    expect(Object.keys(await texts())).toEqual(files.map((name) => `three.json${name}`));
    await requireWhole();
  });

  it('are read again with reread, and when a file of theirs failed in another way than it would now', async () => {
    const reads: string[] = [];
    let failure: MillraceError | undefined = new MillraceError('E_INTERNAL', 'For a moment.');
    const reading = {
      ...containerParser,
      parse(request: ParseRequest) {
        reads.push(request.name);
        if (request.name === 'bad.txt' && failure !== undefined) return Promise.reject(failure);
        return containerParser.parse(request);
      },
    };
    const first = bench({ parser: reading });
    first.write('box.json', box({ 'in.json': { 'bad.txt': 'Better now.', 'good.txt': 'Good.' } }));
    const again = async (options: IngestOptions = {}): Promise<unknown> => {
      reads.length = 0;
      return (await first.run([first.folder], options)).at(-1);
    };
    expect(await again()).toMatchObject({ failed: 1, indexed: 3 });
    failure = new MillraceError('E_DOCUMENT_DAMAGED', 'For good.');
    expect(await again()).toMatchObject({ failed: 1 });
    expect(await again()).toMatchObject({ found: 1, skipped: 1, failed: 0 });
    expect(reads).toEqual([]);
    failure = undefined;
    expect(await again()).toMatchObject({ found: 1, skipped: 1 });
    expect(await again({ reread: true })).toMatchObject({ indexed: 1, skipped: 3, failed: 0 });
    expect((await first.texts())['box.json!/in.json!/bad.txt']).toBe('Better now.');
    expect(await again({ reread: true })).toMatchObject({ indexed: 0, skipped: 4 });
  });

  it('give new metadata to their files', async () => {
    const { run, write, folder, store } = bench();
    write('box.json', box({ 'a.txt': 'The first.', 'in.json': { 'b.txt': 'The second.' } }));
    await run([folder], { metadata: { team: 'mill' } });
    expect((await run([folder], { metadata: { team: 'race' } })).at(-1)).toMatchObject({ found: 1, skipped: 1 });
    expect((await store.listSources('default')).map(({ metadata }) => metadata)).toEqual(
      Array.from({ length: 4 }, () => ({ team: 'race' })),
    );
    expect(await store.searchText('second', { collection: 'default', filter: { team: 'race' } }, 5)).toHaveLength(1);
  });

  it('tell of files that left them, in the same commit, also when their first version was not read to its end', async () => {
    const { run, write, folder, texts, commits } = bench({
      onCommit(operations) {
        if (stops && operations.some((one) => one.type === 'commitDocument' && one.source.key.endsWith('.json'))) {
          throw new MillraceError('E_DISK_FULL', 'Full.');
        }
      },
    });
    let stops = true;
    write('box.json', box({ 'a.txt': 'The first.', 'b.txt': 'The second.' }));
    expect((await run([folder], { batchSize: 1 })).at(-1)).toMatchObject({ type: 'ingest-failed' });
    expect(Object.keys(await texts())).toEqual(['box.json!/a.txt', 'box.json!/b.txt']);
    stops = false;
    write('box.json', box({ 'b.txt': 'The second.' }), Date.UTC(2025, 1, 1));
    const before = commits.length;
    const events = await run([folder]);
    expect(ofType(events, 'document-removed')).toMatchObject([{ source: `${folder}/box.json!/a.txt` }]);
    expect(events.at(-1)).toMatchObject({ removed: 1 });
    expect(Object.keys(await texts())).toEqual(['box.json', 'box.json!/b.txt']);
    expect(
      commits
        .slice(before)
        .flat()
        .map(({ type }) => type),
    ).not.toContain('removeSource');
    write('box.json', 'A text.', Date.UTC(2025, 2, 1));
    renameSync(join(folder, 'box.json'), join(folder, 'box.txt'));
    const pruned = await run([folder], { prune: true });
    expect(ofType(pruned, 'document-removed')).toHaveLength(2);
    expect(await texts()).toEqual({ 'box.txt': 'A text.' });
  });

  it('that vanished before they were read to their end are pruned with their files; a folder with such a name stays', async () => {
    const { run, write, folder, texts } = bench({
      onCommit(operations) {
        if (operations.some((one) => one.type === 'commitDocument' && one.source.key.endsWith('.json'))) {
          throw new MillraceError('E_DISK_FULL', 'Full.');
        }
      },
    });
    const path = write('box.json', box({ 'a.txt': 'The first.', 'b.txt': 'The second.' }));
    write('gone!/c.txt', 'A file in a folder.');
    await run([folder], { batchSize: 1 });
    rmSync(path);
    await run([folder], { prune: true });
    expect(await texts()).toEqual({ 'gone!/c.txt': 'A file in a folder.' });
  });
});
