import { describe, expect, it } from 'vitest';
import { readBlocks } from '../fixtures/read-blocks.ts';
import { writeCompoundFile, writeDoc, writeEpub, writeOpenDocument } from '../fixtures/write-office.ts';
import { writeZip } from '../fixtures/write-zip.ts';

describe('odt', () => {
  it('reads headings, lists, tables, notes, comments and pages', async () => {
    const document = await readBlocks(
      writeOpenDocument(
        'text',
        `<text:h text:outline-level="2">A heading</text:h>
         <text:p>Words<text:s text:c="2"/>apart<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>The note.</text:p></text:note-body></text:note>
           and on<office:annotation><dc:creator>R. Eader</dc:creator><dc:date>2031-03-14T08:00:00</dc:date><text:p>Really?</text:p></office:annotation>.</text:p>
         <text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list></text:list-item></text:list>
         <table:table><table:table-header-rows><table:table-row><table:table-cell table:number-columns-spanned="2"><text:p>Fares</text:p></table:table-cell><table:covered-table-cell/><table:table-cell><text:p>Since</text:p></table:table-cell></table:table-row></table:table-header-rows>
         <table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell><text:p>2</text:p></table:table-cell><table:table-cell><text:p>3</text:p></table:table-cell></table:table-row></table:table>
         <text:p><text:soft-page-break/>Next page.</text:p><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>`,
      ),
      'file',
    );
    expect(document.lines).toEqual([
      'heading2: A heading',
      'paragraph: Words  apart[1] and on.',
      'paragraph: [1] The note.',
      'quote: Comment by R. Eader, 2031-03-14: Really?',
      'list-item: - one',
      'list-item:   - inner',
      'table: Fares | Fares | Since\n1 | 2 | 3',
      'paragraph: Next page.',
    ]);
    expect(document.header).toBe('Fares | Fares | Since');
    expect(document).toMatchObject({ title: 'The title', author: 'P. Erson' });
    expect(document.pages).toHaveLength(2);
  });

  it('refuses empty, damaged and protected ones', async () => {
    await expect(readBlocks(writeOpenDocument('text', ''), 'a.odt')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
    const mimetype = 'application/vnd.oasis.opendocument.text';
    await expect(readBlocks(writeZip({ mimetype }), 'a.odt')).rejects.toMatchObject({ code: 'E_DOCUMENT_DAMAGED' });
    const content = '<office:document-content><office:body>x</office:body></office:document-content>';
    const manifest = '<manifest:encryption-data/>';
    await expect(
      readBlocks(writeZip({ mimetype, 'content.xml': content, 'META-INF/manifest.xml': manifest }), 'a.odt'),
    ).rejects.toMatchObject({
      code: 'E_DOCUMENT_ENCRYPTED',
    });
  });
});

describe('epub', () => {
  it('reads the chapters as pages in reading order', async () => {
    const document = await readBlocks(
      writeEpub({ 'The start': '<h1>One</h1><p>First text.</p><script>hidden()</script>', 'The end': '<p>Last text.</p>' }),
      'file',
    );
    expect(document.lines).toEqual(['heading1: One', 'paragraph: First text.', 'paragraph: Last text.']);
    expect(document.pages.map(({ label }) => label)).toEqual(['The start', 'The end']);
    expect(document).toMatchObject({ title: 'The book', author: 'P. Erson', language: 'en' });
  });

  it('refuses one without chapters, and one whose parts lead out of it', async () => {
    await expect(readBlocks(writeEpub({}), 'a.epub')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
    const lost = writeZip({
      mimetype: 'application/epub+zip',
      'META-INF/container.xml': '<rootfile full-path="../../etc/passwd"/>',
    });
    await expect(readBlocks(lost, 'a.epub')).rejects.toMatchObject({ code: 'E_DOCUMENT_DAMAGED' });
  });
});

describe('doc', () => {
  it('reads paragraphs and tables with their quotation marks', async () => {
    const document = await readBlocks(
      writeDoc('A “title”\rSome text.\rStop\u0007Fare\u0007\u0007Weir\u00071.00\u0007\u0007The end.\r'),
      'file',
    );
    expect(document.contentType).toBe('application/msword');
    expect(document.text).toContain('A “title”\n\nSome text.');
    expect(document.text).toContain('The end.');
  });

  it.each([
    ['no text', writeDoc('\r'), 'E_DOCUMENT_EMPTY'],
    ['a password', writeDoc('Secret.\r', { encrypted: true }), 'E_DOCUMENT_ENCRYPTED'],
    ['no header', writeCompoundFile({ '/WordDocument': Buffer.alloc(5_000) }), 'E_DOCUMENT_DAMAGED'],
    ['a password of a newer Office', writeCompoundFile({ '/EncryptedPackage': Buffer.alloc(5_000) }), 'E_DOCUMENT_ENCRYPTED'],
    ['the parts of another program', writeCompoundFile({ '/Contents': Buffer.alloc(5_000) }), 'E_DOCUMENT_UNSUPPORTED'],
  ])('refuses one with %s', async (_what, bytes, code) => {
    await expect(readBlocks(bytes, 'a.doc')).rejects.toMatchObject({ code });
  });
});
