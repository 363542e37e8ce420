import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import type { ParsedDocument } from '../spec/parser.ts';
import { writeZip } from './fixtures/write-zip.ts';
import { createFormatParsers } from './formats.ts';
import { parseDocument } from './parse-document.ts';
import { unpackLimits } from './unpack-limits.ts';
import { openZip } from './zip.ts';

const parsers = createFormatParsers();

function read(bytes: Uint8Array, name = 'files.zip', membersFrom = 0): Promise<ParsedDocument> {
  return parseDocument({ bytes, name, membersFrom }, parsers);
}

const names = ({ members = [] }: ParsedDocument): string[] => members.map(({ name }) => name);
const contents = ({ members = [] }: ParsedDocument): string[] => members.map(({ bytes }) => Buffer.from(bytes).toString());
const tar = (files: Readonly<Record<string, string>>) =>
  packTar(Object.entries(files).map(([name, body]) => ({ header: { name, size: Buffer.byteLength(body), type: 'file' as const }, body })));

describe('archives', () => {
  it('are the list of their files, which come as members', async () => {
    const document = await read(writeZip({ 'a.txt': 'The first.', 'b/c.md': '# Two', 'b/': '', '__MACOSX/a.txt': 'x', '.DS_Store': 'x' }));
    expect(document).toMatchObject({ contentType: 'application/zip', text: 'a.txt\nb/c.md', warnings: [] });
    expect(names(document)).toEqual(['a.txt', 'b/c.md']);
    expect(contents(document)).toEqual(['The first.', '# Two']);
  });

  it('are read as tar, packed tar and single packed file', async () => {
    const archive = await tar({ 'a.txt': 'The first.', 'b.txt': 'The second.' });
    expect(contents(await read(archive, 'x'))).toEqual(['The first.', 'The second.']);
    const packed = await read(gzipSync(archive), 'x.tgz');
    expect(packed).toMatchObject({ contentType: 'application/gzip', text: 'a.txt\nb.txt' });
    const single = await read(gzipSync('A text.'), 'note.txt.gz');
    expect(names(single)).toEqual(['note.txt']);
    expect(contents(single)).toEqual(['A text.']);
  });

  it('come in portions of bounded size', async () => {
    const large = Buffer.alloc(5 * 1024 * 1024, 'x').map((_, index) => index * index);
    const zip = writeZip({ a: large, b: large, c: large });
    const first = await read(zip);
    expect([names(first), first.nextMember]).toEqual([['a', 'b'], 2]);
    const second = await read(zip, 'files.zip', 2);
    expect([names(second), second.nextMember]).toEqual([['c'], undefined]);
    expect(second.text).toBe(first.text);
  });

  it('give names that are relative paths, each once', async () => {
    const entries = ['../../etc/passwd', '/abs.txt', 'a\\b.txt', 'dir/../up.txt', 'line\nend.txt', 'abs.txt'];
    const document = await read(await tar(Object.fromEntries(entries.map((name) => [name, 'x']))), 'x.tar');
    expect(names(document)).toEqual(['etc/passwd', 'abs.txt', 'a/b.txt', 'dir/up.txt', 'line end.txt', 'abs (2).txt']);
  });

  it('read what is left of one that was cut off', async () => {
    const zip = writeZip({ 'a.txt': 'The first.', 'b.txt': 'The second.' });
    const document = await read(zip.subarray(0, zip.length - 60));
    expect(contents(document)).toEqual(['The first.', 'The second.']);
    expect(document.warnings).toEqual(['files.zip is cut off or damaged: what is left of it was read.']);
    const archive = await tar({ 'a.txt': 'The first.', 'b.txt': 'x'.repeat(2_000) });
    const half = await read(archive.subarray(0, 2_200), 'x.tar');
    expect(contents(half)).toEqual(['The first.', 'x'.repeat(2_200 - 3 * 512)]);
    expect(half.warnings).toEqual(['x.tar is cut off or damaged: what is left of it was read.']);
  });

  it('read every entry of a ZIP, whatever its name', async () => {
    const odd = ['first.txt', '/abs.txt', '../up.txt', 'C:\\x.txt', 'last.txt'];
    const document = await read(writeZip(odd.map((name) => ({ name, content: name }))));
    expect(names(document)).toEqual(['first.txt', 'abs.txt', 'up.txt', 'C:/x.txt', 'last.txt']);
    expect(contents(document)).toEqual(odd);
    expect(document.warnings).toEqual([]);
  });

  it('read what lies behind a damaged record of the directory of a ZIP', async () => {
    const zip = Buffer.from(writeZip({ 'a.txt': 'The first.', 'b.txt': 'The second.', 'c.txt': 'The third.' }));
    const second = zip.indexOf('PK\u0001\u0002', zip.indexOf('PK\u0001\u0002', 0, 'latin1') + 4, 'latin1');
    zip.write('XX', second, 'latin1');
    const document = await read(zip);
    expect(contents(document)).toEqual(['The first.', 'The second.', 'The third.']);
    expect(document.warnings).toHaveLength(1);
  });

  it('take archives inside one that was cut off for single files', async () => {
    const inner = ['a', 'b', 'c'].map((name) => ({
      name: `${name}.docx`,
      content: writeZip({ same: name, 'x/same': name }),
      stored: true,
    }));
    const zip = writeZip(inner);
    const begin = zip.readUInt32LE(zip.length - 6);
    const document = await read(zip.subarray(0, begin));
    expect(names(document)).toEqual(['a.docx', 'b.docx', 'c.docx']);
    expect(document.members?.map(({ bytes }) => Buffer.from(bytes))).toEqual(inner.map(({ content }) => content));
    // The last one is cut off itself.
    const shorter = await read(zip.subarray(0, begin - 100));
    expect(names(shorter)).toEqual(['a.docx', 'b.docx', 'c.docx']);
    expect(Buffer.from(shorter.members?.[2]?.bytes ?? [])).toEqual(inner[2]?.content.subarray(0, -100));
    const many = writeZip(
      Array.from({ length: 2_600 }, (_, at) => ({ name: `${at}.zip`, content: writeZip({ a: '', b: '', c: '' }), stored: true })),
    );
    expect((await read(many.subarray(0, many.readUInt32LE(many.length - 6)))).text.split('\n')).toHaveLength(2_600);
  });

  describe.each([
    ['stored', 'signed'],
    ['stored', 'unsigned'],
    ['deflated', 'signed'],
    ['deflated', 'unsigned'],
  ] as const)('that hold archives, %s, with their sizes behind them, %s', (packing, sizesBehind) => {
    // What is packed already is kept as it is in a packed stream, headers and all.
    const noise = Buffer.concat(Array.from({ length: 100 }, (_, at) => createHash('sha256').update(`${at}`).digest()));
    const inner = ['a', 'b', 'c'].map((name) => ({
      name: `${name}.docx`,
      content: writeZip([
        { name: 'same', content: Buffer.concat([Buffer.from(name), noise]), stored: true, sizesBehind: 'signed' },
        { name: 'x/same', content: name, sizesBehind },
      ]),
      stored: packing === 'stored',
      sizesBehind,
    }));
    const zip = writeZip(inner);
    const records = zip.readUInt32LE(zip.length - 6);
    const expectAll = (document: ParsedDocument): void => {
      expect(names(document)).toEqual(['a.docx', 'b.docx', 'c.docx']);
      expect(document.members?.map(({ bytes }) => Buffer.from(bytes))).toEqual(inner.map(({ content }) => content));
    };

    it('are read by the directory', async () => {
      const document = await read(zip);
      expectAll(document);
      expect(document.warnings).toEqual([]);
    });

    it('are read whole where the end of the directory is gone, or all of it', async () => {
      for (const end of [zip.length - 22, records]) {
        const document = await read(zip.subarray(0, end));
        expectAll(document);
        expect(document.warnings).toEqual(['files.zip is cut off or damaged: what is left of it was read.']);
      }
    });

    it('are read whole by what is left of the directory where the sizes behind them are damaged', async () => {
      const damaged = Buffer.from(zip);
      const second = zip.indexOf('b.docx', 0, 'latin1') - 30;
      damaged.fill(0xff, second - (sizesBehind === 'signed' ? 16 : 12), second);
      const document = await read(damaged.subarray(0, -22));
      expectAll(document);
      expect(document.warnings).toHaveLength(1);
    });

    it('come as far as they go where the last one is cut off', async () => {
      const document = await read(zip.subarray(0, records - 1_000));
      expect(names(document)).toEqual(['a.docx', 'b.docx', 'c.docx']);
      const last = Buffer.from(document.members?.[2]?.bytes ?? []);
      expect(last.length).toBeGreaterThan(1_000);
      expect(inner[2]?.content.subarray(0, last.length)).toEqual(last);
    });
  });

  it.each([
    ['cut off', (zip: Buffer) => zip.subarray(0, zip.readUInt32LE(zip.length - 6))],
    ['whole', (zip: Buffer) => zip],
  ])('give the files of a ZIP that is %s beside one that is damaged and one that has a password', async (_what, cut) => {
    const zip = Buffer.from(
      writeZip([
        { name: 'a.txt', content: 'The first.' },
        { name: 'b.txt', content: 'The second.' },
        { name: 'c.txt', content: 'x', encrypted: true },
        { name: 'd.txt', content: 'The last.' },
      ]),
    );
    const data = zip.indexOf('b.txt', 0, 'latin1') + 5;
    zip.fill(0xff, data, data + 10);
    const document = await read(cut(zip));
    expect(names(document)).toEqual(['a.txt', 'b.txt', 'c.txt', 'd.txt']);
    expect(contents(document)).toEqual(['The first.', '', '', 'The last.']);
    expect(document.members?.map(({ failure }) => failure?.code)).toEqual([
      undefined,
      'E_DOCUMENT_DAMAGED',
      'E_DOCUMENT_ENCRYPTED',
      undefined,
    ]);
  });

  it('do not give a file of a ZIP whose content is not what was packed', async () => {
    const zip = Buffer.from(
      writeZip([
        { name: 'a.txt', content: 'It costs 40 euros.', stored: true },
        { name: 'b.txt', content: 'Other.' },
      ]),
    );
    zip.write('90', zip.indexOf('40 euros', 0, 'latin1'), 'latin1');
    const document = await read(zip);
    expect(contents(document)).toEqual(['', 'Other.']);
    expect(document.members?.[0]?.failure).toEqual({
      code: 'E_DOCUMENT_DAMAGED',
      message: 'files.zip is damaged inside its part a.txt: its checksum is that of other content.',
    });
  });

  it('say of which file of a damaged ZIP nothing tells the end', async () => {
    const content = Buffer.concat([Buffer.from('begin '), writeZip({ x: 'inside' })]);
    const zip = writeZip([
      { name: 'a.bin', content, stored: true, sizesBehind: 'signed' },
      { name: 'b.txt', content: 'The second.' },
    ]);
    const damaged = Buffer.from(zip.subarray(0, zip.readUInt32LE(zip.length - 6)));
    const second = zip.indexOf('b.txt', 0, 'latin1') - 30;
    damaged.fill(0xff, second - 16, second);
    const document = await read(damaged);
    expect(names(document)).toEqual(['a.bin', 'x', 'b.txt']);
    expect(contents(document)[0]).toBe('begin ');
    expect(document.warnings).toEqual([
      'files.zip is cut off or damaged: what is left of it was read.',
      'files.zip does not tell any more where a.bin ends: what lies before the next file of the archive was read.',
    ]);
  });

  it('look for the ends of many hostile streams within bounds', async () => {
    // Each would unpack to far more than it is.
    const bomb = { content: Buffer.alloc(1024 * 1024), sizesBehind: 'signed' as const };
    const zip = Buffer.from(writeZip(Array.from({ length: 40 }, (_, at) => ({ ...bomb, name: `${at}` }))));
    for (let at = zip.indexOf('PK\u0007\u0008', 0, 'latin1'); at !== -1; at = zip.indexOf('PK\u0007\u0008', at, 'latin1'))
      zip.fill(0, at, at + 16);
    const cut = zip.subarray(0, zip.readUInt32LE(zip.length - 6));
    const archive = await openZip(cut, 'x.zip', { ...unpackLimits, bytes: 4 * 1024 * 1024 });
    expect(archive.entries).toHaveLength(40);
    expect(archive.guessed).toHaveLength(35);
  });

  it('read two files of one name behind a damaged record of the directory of a ZIP', async () => {
    const inner = { name: 'in.zip', content: writeZip({ x: 'x' }), stored: true };
    const zip = Buffer.from(writeZip([inner, ...['first', 'second', 'third'].map((content) => ({ name: 'a.txt', content }))]));
    const records = zip.readUInt32LE(zip.length - 6);
    const third = [1, 2].reduce((at) => zip.indexOf('PK\u0001\u0002', at + 4, 'latin1'), records);
    zip.write('XX', third, 'latin1');
    const document = await read(zip);
    expect(names(document)).toEqual(['in.zip', 'a.txt', 'a (2).txt', 'a (3).txt']);
    expect(contents(document).slice(1)).toEqual(['first', 'second', 'third']);
  });

  it('count no folders of a ZIP that was cut off', async () => {
    const zip = writeZip({ 'a.txt': 'a', 'b.txt': 'b', 'c/': '' });
    const cut = zip.subarray(0, zip.readUInt32LE(zip.length - 6));
    expect((await openZip(cut, 'x.zip', { ...unpackLimits, entries: 2 })).entries.map(({ name }) => name)).toEqual(['a.txt', 'b.txt']);
    await expect(openZip(cut, 'x.zip', { ...unpackLimits, entries: 1 })).rejects.toMatchObject({ code: 'E_DOCUMENT_TOO_LARGE' });
  });

  it('give every file of a name that several have, from a ZIP as from a TAR', async () => {
    const entries = ['first', 'second'].map((content) => ({ name: 'a.txt', content }));
    const packed = entries.map(({ name, content }) => ({ header: { name, size: content.length, type: 'file' as const }, body: content }));
    for (const document of [await read(writeZip(entries)), await read(await packTar(packed), 'x.tar')]) {
      expect(names(document)).toEqual(['a.txt', 'a (2).txt']);
      expect(contents(document)).toEqual(['first', 'second']);
    }
  });

  it('name equal files by numbers that no other has, and cut no character in two', async () => {
    const entries = ['a.txt', 'a (2).txt', './a.txt', '../a.txt', `${'x'.repeat(999)}\u{1F600}.txt`];
    const document = await read(writeZip(entries.map((name) => ({ name, content: 'x' }))));
    expect(names(document).slice(0, 4)).toEqual(['a.txt', 'a (2).txt', 'a (3).txt', 'a (4).txt']);
    expect(names(document)[4]?.isWellFormed()).toBe(true);
  });

  it.each([
    ['an empty one', writeZip({}), 'E_DOCUMENT_DAMAGED'],
    ['only folders', writeZip({ 'a/': '', '__MACOSX/x': '' }), 'E_DOCUMENT_EMPTY'],
    ['a header only', Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), Buffer.alloc(200)]), 'E_DOCUMENT_DAMAGED'],
    ['a password', writeZip([{ name: 'a', content: 'x', encrypted: true }]), 'E_DOCUMENT_ENCRYPTED'],
    ['a size that lies', writeZip([{ name: 'a', content: 'x'.repeat(5_000), claimedSize: 10 }]), 'E_DOCUMENT_DAMAGED'],
    ['a size of 0 that lies', writeZip([{ name: 'a', content: 'x'.repeat(5_000), claimedSize: 0 }]), 'E_DOCUMENT_DAMAGED'],
    ['a bomb by ratio', writeZip({ a: Buffer.alloc(40 * 1024 * 1024) }), 'E_DOCUMENT_TOO_LARGE'],
    ['too many entries', writeZip(Array.from({ length: 10_001 }, (_, at) => ({ name: `${at}`, content: '' }))), 'E_DOCUMENT_TOO_LARGE'],
    ['a packed bomb', gzipSync(Buffer.alloc(40 * 1024 * 1024)), 'E_DOCUMENT_TOO_LARGE'],
    ['half a packed file', gzipSync('A text. '.repeat(1_000)).subarray(0, 40), 'E_DOCUMENT_DAMAGED'],
  ])('refuse %s', async (_what, bytes, code) => {
    await expect(read(bytes)).rejects.toMatchObject({ code });
  });
});
