import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions, ofType, typesOf } from '../../test/support/ingest-bench.ts';
import { column, writePdf } from '../parse/fixtures/write-pdf.ts';
import { createDocumentParser } from '../parse/pool.ts';
import { systemClock } from '../util/clock.ts';

const benches: ReturnType<typeof createIngestBench>[] = [];
/** With real parser processes, unless it says otherwise. */
function bench(options: IngestBenchOptions = {}, parses = true) {
  const created = createIngestBench({
    ...(parses ? { parser: createDocumentParser({ clock: systemClock, concurrency: 1 }) } : {}),
    ...options,
  });
  benches.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((one) => one.close()));
});

const pdf = writePdf(
  Array.from({ length: 3 }, (_, page) => ({ texts: column(72, 770, [`The text of page ${page + 1}.`, 'It goes on.']) })),
);
const encrypted = readFileSync(new URL('../parse/fixtures/encrypted.pdf', import.meta.url));
/** Bytes of no known format. */
const noise = Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7919 + (index >> 3) * 104_729) & 0xff));

describe('bad input', () => {
  it('is told in a sentence with its code, and its neighbours are read', async () => {
    const { run, write, folder, texts, store, requireWhole } = bench();
    write('empty.txt', '');
    write('blank.md', ' \n\n\t\n');
    write('binary.txt', noise);
    write('picture.txt', Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex'));
    write('zero.pdf', '');
    write('encrypted.pdf', encrypted);
    write('truncated.pdf', pdf.subarray(0, 200));
    write('invented.pdf', '%PDF-1.7 and nothing else');
    write('renamed.txt', pdf);
    write('good.txt', 'A good text.');
    const events = await run([folder]);
    const failures = Object.fromEntries(
      ofType(events, 'document-failed').map(({ source, error }) => [source.replace(`${folder}/`, ''), `${error.code}: ${error.message}`]),
    );
    expect(failures).toEqual({
      'empty.txt': 'E_DOCUMENT_EMPTY: empty.txt holds no bytes.',
      'blank.md': 'E_DOCUMENT_EMPTY: blank.md holds no text.',
      'binary.txt': 'E_DOCUMENT_UNSUPPORTED: binary.txt holds binary data of an unknown type, not text.',
      'picture.txt': 'E_DOCUMENT_UNSUPPORTED: picture.txt is an image. Its text can only be read by OCR, which is not installed.',
      'zero.pdf': 'E_DOCUMENT_EMPTY: zero.pdf holds no bytes.',
      'encrypted.pdf': 'E_DOCUMENT_ENCRYPTED: encrypted.pdf is a PDF that opens only with a password.',
      'truncated.pdf': 'E_DOCUMENT_DAMAGED: truncated.pdf is not a complete PDF: its structure cannot be read.',
      'invented.pdf': 'E_DOCUMENT_DAMAGED: invented.pdf is not a complete PDF: its structure cannot be read.',
    });
    expect(events.at(-1)).toMatchObject({ type: 'ingest-end', found: 10, indexed: 2, failed: 8, quarantined: 0 });
    for (const { error } of ofType(events, 'document-failed')) expect(error.remedy).toMatch(/\.$/);
    const read = await texts();
    expect(read['good.txt']).toBe('A good text.');
    expect(read['renamed.txt']).toContain('The text of page 3.');
    expect((await store.readSource('default', join(folder, 'encrypted.pdf')))?.error?.code).toBe('E_DOCUMENT_ENCRYPTED');
    await requireWhole();
  });

  it('T27: is put into quarantine when it ends the parser process twice, and the neighbours are read by the next one', async () => {
    const childEntry = fileURLToPath(new URL('../parse/fixtures/faulty-child.ts', import.meta.url));
    const { run, write, folder, texts, requireWhole } = bench({
      parser: createDocumentParser({ clock: systemClock, concurrency: 1, childEntry }),
    });
    write('a.txt', 'fine');
    write('b.txt', 'exit');
    write('c.txt', 'fine too');
    const events = await run([folder]);
    expect(ofType(events, 'document-failed')).toMatchObject([
      {
        source: join(folder, 'b.txt'),
        error: {
          code: 'E_PARSE_CRASHED',
          message: 'The parser process ended with exit code 7 while it read b.txt. Its last words: a native library gave up',
          remedy: 'The file is left out until it changes; ingest it with --reread to try it again.',
        },
      },
    ]);
    expect(events.at(-1)).toMatchObject({ indexed: 2, failed: 0, quarantined: 1 });
    expect((await texts())['c.txt']).toContain('pid');
    await requireWhole();
  });

  it.skipIf(process.platform === 'win32')('is blamed for nothing where no parser process gets ready: the call fails once', async () => {
    let isBroken = false;
    const sandbox = (command: readonly string[]) => (isBroken ? ['/bin/sh', '-c', 'echo "It is not there." >&2; exit 1'] : command);
    const isolation = { kind: 'process', message: 'None.', sandbox } as const;
    const limits = { plainTextsPerChild: 1 };
    const { run, write, folder, texts, store, requireWhole } = bench({
      parser: createDocumentParser({ clock: systemClock, concurrency: 1, isolation, limits }),
    });
    write('a.txt', 'The first version.');
    await run([folder]);
    isBroken = true;
    write('a.txt', 'The second version.');
    for (let number = 0; number < 5; number += 1) write(`new-${number}.txt`, `Number ${number}.`);
    const failed = await run([folder]);
    expect(typesOf(failed)).not.toContain('document-failed');
    const message = 'No parser process gets ready to read. It ended with exit code 1. Its last words: It is not there.';
    expect(failed.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_PARSER_UNAVAILABLE', message } });
    expect(await store.listSources('default', { limit: 10 })).toMatchObject([{ key: join(folder, 'a.txt'), error: null }]);
    expect((await texts())['a.txt']).toBe('The first version.');
    isBroken = false;
    expect((await run([folder])).at(-1)).toMatchObject({ indexed: 6, failed: 0, quarantined: 0 });
    expect((await texts())['a.txt']).toBe('The second version.');
    await requireWhole();
  });

  it.runIf(process.platform === 'linux')(
    'T16, T27: is put into quarantine when it fills the memory twice, and its neighbours are read',
    async () => {
      const childEntry = fileURLToPath(new URL('../parse/fixtures/faulty-child.ts', import.meta.url));
      const megabyte = 1024 * 1024;
      const limits = {
        heap: { baseBytes: 64 * megabyte, perByte: 0, maxBytes: 64 * megabyte },
        residentExtraBytes: 128 * megabyte,
        sampleMs: 10,
      };
      const { run, write, folder, texts, requireWhole } = bench({
        parser: createDocumentParser({ clock: systemClock, concurrency: 1, childEntry, limits }),
      });
      for (const [name, text] of Object.entries({ 'a.txt': 'fine', 'b.txt': 'buffers', 'c.txt': 'fine too' })) write(name, text);
      const events = await run([folder]);
      expect(ofType(events, 'document-failed')).toMatchObject([
        {
          source: join(folder, 'b.txt'),
          error: {
            code: 'E_PARSE_CRASHED',
            message: expect.stringContaining('needed more than 192 MB of memory for b.txt') as string,
            details: { limit: 'memory' },
          },
        },
      ]);
      expect(events.at(-1)).toMatchObject({ indexed: 2, failed: 0, quarantined: 1 });
      expect((await texts())['c.txt']).toContain('pid');
      // A later run leaves it out without starting it again.
      expect((await run([folder])).at(-1)).toMatchObject({ indexed: 0, quarantined: expect.any(Number) as number });
      await requireWhole();
    },
  );

  it('T25: a file beyond the limit is refused before a byte of it is read, and its neighbours are read', async () => {
    // The fake parser tells what it was given.
    const { run, write, folder, parsed } = bench({}, false);
    for (const name of ['huge.txt', 'huge.pdf']) truncateSync(write(name, ''), 2 * 1024 ** 3);
    write('good.txt', 'A good text.');
    const events = await run([folder]);
    expect(ofType(events, 'document-failed').map(({ error }) => [error.code, error.details?.['bytes']])).toEqual([
      ['E_SOURCE_TOO_LARGE', 2 * 1024 ** 3],
      ['E_SOURCE_TOO_LARGE', 2 * 1024 ** 3],
    ]);
    expect(events.at(-1)).toMatchObject({ indexed: 1, failed: 2, bytes: 'A good text.'.length });
    expect(parsed).toEqual(['good.txt']);
  });

  it('T25: what is read is told by its bytes, whatever its name and the type that the program gives', async () => {
    const { run, write, folder, store, texts } = bench();
    write('letter.docx', pdf);
    write('table.jpg', '<!doctype html><p>A page of the mill.</p>');
    write('page.xlsx', 'Plain words of the mill.');
    const html = '<!doctype html><html><body><p>Another page.</p></body></html>';
    const events = await run([
      folder,
      { id: 'pdf as text', bytes: Buffer.from(pdf), contentType: 'text/plain' },
      { id: 'html as pdf', bytes: Buffer.from(html), contentType: 'application/pdf' },
      { id: 'noise as html', bytes: noise, contentType: 'text/html' },
    ]);
    expect(ofType(events, 'document-failed')).toMatchObject([{ source: 'noise as html', error: { code: 'E_DOCUMENT_UNSUPPORTED' } }]);
    const types = await Promise.all(
      (await store.listSources('default')).map(async ({ key, document }) => [
        key.replace(`${folder}/`, ''),
        document === null ? null : (await store.readDocument(document))?.contentType,
      ]),
    );
    expect(Object.fromEntries(types)).toEqual({
      'letter.docx': 'application/pdf',
      'table.jpg': 'text/html',
      'page.xlsx': 'text/plain',
      'pdf as text': 'application/pdf',
      'html as pdf': 'text/html',
      'noise as html': null,
    });
    expect((await texts())['html as pdf']).toBe('Another page.');
  });

  it('T27: that kills its parser or never ends is tried twice and left out by the next program, and all of its neighbours are read', async () => {
    const childEntry = fileURLToPath(new URL('../parse/fixtures/faulty-child.ts', import.meta.url));
    const limits = { deadline: { baseMs: 1_000, msPerMegabyte: 0, maxMs: 1_000 } };
    const starting = () => {
      const starts = { count: 0 };
      const sandbox = (command: readonly string[]) => {
        starts.count += 1;
        return command;
      };
      const isolation = { kind: 'process', message: 'None.', sandbox } as const;
      return { starts, parser: createDocumentParser({ clock: systemClock, concurrency: 1, childEntry, limits, isolation }) };
    };
    const first = starting();
    const { run, write, folder, store, requireWhole } = bench({ parser: first.parser });
    const poisons = { 'b.txt': 'crash', 'd.txt': 'hang' };
    for (const [name, text] of Object.entries(poisons)) write(name, text);
    for (const name of ['a.txt', 'c.txt', 'e.txt']) write(name, `fine ${name}`);
    const events = await run([folder]);
    expect(events.at(-1)).toMatchObject({ found: 5, indexed: 3, failed: 0, quarantined: 2 });
    // One that is given several files before it ends reads them again alone, besides the two attempts.
    expect(first.starts.count).toBeGreaterThanOrEqual(2 * 2);
    await requireWhole();

    const second = starting();
    const later = bench({ parser: second.parser, store, folder });
    const again = await later.run([folder]);
    expect(again.at(-1)).toMatchObject({ found: 5, skipped: 3, failed: 0, quarantined: 2 });
    expect(ofType(again, 'document-failed').map(({ source, error }) => [source.replace(`${folder}/`, ''), error.code])).toEqual(
      Object.keys(poisons).map((name) => [name, 'E_PARSE_CRASHED']),
    );
    // None ended: one reads the neighbours again, whose format is made up and known to no list.
    expect(second.starts.count).toBe(1);
  });

  it('T26: with other names is read under each, and again under each where it changes', async () => {
    const { run, write, folder, texts, requireWhole } = bench({}, false);
    const outside = write('outside.txt', 'The first text.');
    write('docs/other.txt', 'Another text.');
    for (const name of ['one.txt', 'two.txt']) linkSync(outside, join(folder, 'docs', name));
    expect((await run(['docs'])).at(-1)).toMatchObject({ found: 3, indexed: 3 });
    write('outside.txt', 'The second text.', Date.UTC(2025, 5, 1));
    expect((await run(['docs'])).at(-1)).toMatchObject({ found: 3, indexed: 2, skipped: 1 });
    rmSync(join(folder, 'docs', 'one.txt'));
    expect((await run(['docs'], { prune: true })).at(-1)).toMatchObject({ found: 2, skipped: 2, removed: 1 });
    expect(await texts()).toEqual({ 'docs/other.txt': 'Another text.', 'docs/two.txt': 'The second text.' });
    await requireWhole();
  });

  it('T26: is found among thousands, each once (a hundred thousand: test/long/many-files.test.ts)', async () => {
    const { run, folder } = bench({}, false);
    const files = 1_500;
    for (let number = 0; number < files; number += 1) {
      const place = join(folder, `${number % 50}`);
      if (number < 50) mkdirSync(place);
      writeFileSync(join(place, `${number}.txt`), `Text ${number}.`);
    }
    const events = await run([folder], { embed: false });
    expect(events.at(-1)).toMatchObject({ found: files, indexed: files });
    expect(new Set(ofType(events, 'document-committed').map(({ source }) => source)).size).toBe(files);
  });

  it.skipIf(process.platform === 'win32')('T26: that cannot be opened is told, whatever it is, and nothing waits for it', async () => {
    const { run, write, folder } = bench();
    write('docs/good.txt', 'A good text.');
    symlinkSync(write('outside.txt', 'A secret.'), join(folder, 'docs', 'link.txt'));
    symlinkSync(join(folder, 'nowhere'), join(folder, 'docs', 'broken.txt'));
    symlinkSync(join(folder, 'docs', 'loop.txt'), join(folder, 'docs', 'loop.txt'));
    symlinkSync('/dev/zero', join(folder, 'docs', 'device.txt'));
    execFileSync('mkfifo', [join(folder, 'docs', 'pipe.txt')]);
    const socket = createServer().listen(join(folder, 'docs', 'socket.txt'));
    await once(socket, 'listening');
    const isLinux = process.platform === 'linux';
    // Other systems take no such name.
    if (isLinux) writeFileSync(Buffer.concat([Buffer.from(`${folder}/docs/`), Buffer.from([0xff, 0x66])]), 'A text.');
    const isRoot = process.getuid?.() === 0;
    // For the superuser there is no file without permission.
    if (!isRoot) chmodSync(write('docs/closed.txt', 'A closed text.'), 0);
    const events = await run(['docs', '/dev/zero']);
    socket.close();
    const failures = Object.fromEntries(
      ofType(events, 'document-failed').map(({ source, error }) => [source.replace(`${folder}/docs/`, ''), error.code]),
    );
    expect(failures).toEqual({
      ...(isLinux ? { '\uFFFDf': 'E_SOURCE_UNREADABLE' } : {}),
      '/dev/zero': 'E_SOURCE_UNREADABLE',
      'broken.txt': 'E_SOURCE_MISSING',
      'device.txt': 'E_SOURCE_UNREADABLE',
      'loop.txt': 'E_SOURCE_UNREADABLE',
      'socket.txt': 'E_SOURCE_UNREADABLE',
      'link.txt': 'E_SOURCE_UNREADABLE',
      'pipe.txt': 'E_SOURCE_UNREADABLE',
      ...(isRoot ? {} : { 'closed.txt': 'E_SOURCE_UNREADABLE' }),
    });
    expect(events.at(-1)).toMatchObject({ type: 'ingest-end', indexed: 1 });
  });
});
