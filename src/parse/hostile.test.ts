import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isMillraceError } from '../errors.ts';
import type { ParsedDocument } from '../spec/parser.ts';
import { pathological } from './fixtures/pathological.ts';
import { writeZip } from './fixtures/write-zip.ts';
import { createFormatParsers } from './formats.ts';
import { parseDocument } from './parse-document.ts';

const parsers = createFormatParsers();

/** What a file becomes: its text, or the code of its error. An error that is none of the catalogue fails the test. */
async function outcome(name: string, content: string | Uint8Array): Promise<string> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    return (await parseDocument({ bytes, name }, parsers)).text;
  } catch (error) {
    if (isMillraceError(error) && error.code !== 'E_INTERNAL') return error.code;
    throw error;
  }
}

/** Every member of a container, or the code of the error that ends it. */
async function members(bytes: Uint8Array): Promise<readonly string[]> {
  const found: string[] = [];
  let from: number | undefined = 0;
  while (from !== undefined) {
    try {
      const document: ParsedDocument = await parseDocument({ bytes, name: 'a.zip', membersFrom: from }, parsers);
      found.push(...(document.members ?? []).map(({ name }) => name));
      from = document.nextMember;
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      return [...found, error.code];
    }
  }
  return found;
}

describe('T17: archives that are made to fill memory', () => {
  const zeros = Buffer.alloc(12 * 1024 * 1024);

  it('by their ratio, their sizes that lie, or their number of files are refused', async () => {
    expect((await members(writeZip({ 'bomb.txt': zeros }))).at(-1)).toBe('E_DOCUMENT_TOO_LARGE');
    expect((await members(writeZip([{ name: 'liar.txt', content: zeros, claimedSize: 5 }]))).at(-1)).toMatch(
      /^E_DOCUMENT_(?:TOO_LARGE|DAMAGED)$/,
    );
    const many = Array.from({ length: 10_001 }, (_, number) => ({ name: `${number}.txt`, content: '' }));
    expect((await members(writeZip(many))).at(-1)).toBe('E_DOCUMENT_TOO_LARGE');
    expect(await outcome('bomb.gz', gzipSync(zeros))).toBe('E_DOCUMENT_TOO_LARGE');
  });

  it('whose files share the same bytes are refused once these count as much as files would', async () => {
    // Every record of the directory points to the one file.
    const packed = deflateRawSync(zeros);
    const one = writeZip({ 'a.txt': zeros });
    const at = one.indexOf('PK\u0001\u0002', 0, 'latin1');
    const record = one.subarray(at, one.length - 22);
    const end = Buffer.from(one.subarray(one.length - 22));
    end.writeUInt16LE(50, 8);
    end.writeUInt16LE(50, 10);
    end.writeUInt32LE(50 * record.length, 12);
    const records = Array.from({ length: 50 }, (_, number) => {
      const copy = Buffer.from(record);
      copy[46] = 65 + number;
      return copy;
    });
    expect(packed.length).toBeLessThan(100_000);
    expect((await members(Buffer.concat([one.subarray(0, at), ...records, end]))).at(-1)).toBe('E_DOCUMENT_TOO_LARGE');
  });

  it('in office files are refused as well', async () => {
    const document = `<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>${' '.repeat(12 * 1024 * 1024)}</w:t></w:r></w:p></w:body></w:document>`;
    expect(await outcome('a.docx', writeZip({ '[Content_Types].xml': '<Types/>', 'word/document.xml': document }))).toBe(
      'E_DOCUMENT_TOO_LARGE',
    );
  });
});

describe('T18: XML that is made to grow, to reach out or to nest', () => {
  const laughs = Array.from({ length: 9 }, (_, level) => `<!ENTITY l${level + 1} "${`&l${level};`.repeat(10)}">`).join('');
  const bombs: readonly (readonly [what: string, declared: string, content: string])[] = [
    ['a billion laughs', `<!DOCTYPE x [<!ENTITY l0 "lol">${laughs}]>`, 'Weir. &l9;'],
    ['one long entity many times', `<!DOCTYPE x [<!ENTITY e "${'lol '.repeat(10_000)}">]>`, `Weir. ${'&e;'.repeat(10_000)}`],
    ['an entity that holds itself', '<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;">]>', 'Weir. &a;'],
    [
      'a parameter entity that builds another',
      '<!DOCTYPE x [<!ENTITY % a "<!ENTITY &#37; b SYSTEM \'file:///etc/passwd\'>">%a;%b;]>',
      'Weir.',
    ],
    ['a file', '<!DOCTYPE x SYSTEM "file:///etc/passwd" [<!ENTITY f SYSTEM "file:///etc/passwd">]>', 'Weir. &f;'],
    ['a million numbers of characters', '', `Weir. ${'&#120;'.repeat(1_000_000)}`],
    ['a million hexadecimal numbers of characters', '', `Weir. ${'&#x00078;'.repeat(1_000_000)}`],
    ['numbers of no characters', '', 'Weir. &#0;&#xD800;&#x110000;&#99999999999999999999;&#-1;'],
    ['a depth of 100,000', '', `Weir.${'<b>'.repeat(100_000)}${'</b>'.repeat(100_000)}`],
    ['100,000 attributes', '', `<b ${Array.from({ length: 100_000 }, (_, number) => `a${number}="x"`).join(' ')}>Weir.</b>`],
  ];
  const head = '<?xml version="1.0"?>';
  const word = (declared: string, content: string): Buffer =>
    writeZip({
      'word/document.xml': `${head}${declared}<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>${content}</w:t></w:r></w:p></w:body></w:document>`,
    });
  const slide = (declared: string, content: string): Buffer =>
    writeZip({
      'ppt/presentation.xml': '<p:presentation><p:sldIdLst><p:sldId r:id="r1"/></p:sldIdLst></p:presentation>',
      'ppt/_rels/presentation.xml.rels': '<Relationships><Relationship Id="r1" Type="x/slide" Target="s.xml"/></Relationships>',
      'ppt/s.xml': `${head}${declared}<p:sld><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>${content}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>`,
    });
  const relation = (type: string, target: string): string =>
    `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${type}" Target="${target}"/></Relationships>`;
  const spreadsheet = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
  const main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
  const book = (declared: string, content: string): Buffer =>
    writeZip({
      '[Content_Types].xml': `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="${spreadsheet}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${spreadsheet}.worksheet+xml"/></Types>`,
      '_rels/.rels': relation('officeDocument', 'xl/workbook.xml'),
      'xl/workbook.xml': `<workbook ${main} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>`,
      'xl/_rels/workbook.xml.rels': relation('worksheet', 'worksheets/sheet1.xml'),
      'xl/worksheets/sheet1.xml': `${head}${declared}<worksheet ${main}><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>${content}</t></is></c></row></sheetData></worksheet>`,
    });
  const formats: Readonly<Record<string, (declared: string, content: string) => string | Uint8Array>> = {
    'a.xml': (declared, content) => `${head}${declared}<x><p>${content}</p></x>`,
    'a.svg': (declared, content) => `${head}${declared}<svg xmlns="http://www.w3.org/2000/svg"><text>${content}</text></svg>`,
    'a.docx': word,
    'a.pptx': slide,
    'a.xlsx': book,
    'a.odt': (declared, content) =>
      writeZip({
        mimetype: 'application/vnd.oasis.opendocument.text',
        'content.xml': `${head}${declared}<office:document-content xmlns:office="o" xmlns:text="t"><office:body><office:text><text:p>${content}</text:p></office:text></office:body></office:document-content>`,
      }),
    'a.epub': (declared, content) =>
      writeZip({
        mimetype: 'application/epub+zip',
        'META-INF/container.xml': '<rootfile full-path="b.opf"/>',
        'b.opf': `${head}${declared}<package><metadata><dc:title>${content}</dc:title></metadata><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>`,
        'a.xhtml': `${head}${declared}<html xmlns="http://www.w3.org/1999/xhtml"><body><p>${content}</p></body></html>`,
      }),
  };

  it.each(Object.keys(formats).flatMap((name) => bombs.map((bomb) => [name, ...bomb] as const)))(
    'ends in %s as text or as an error, no larger than it came: %s',
    async (name, _what, declared, content) => {
      const file = formats[name]?.(declared, content) ?? '';
      const said = await outcome(name, file);
      expect(said).toMatch(/^(?:E_DOCUMENT_[A-Z_]+$|[^]*Weir\.)/);
      expect(said.length).toBeLessThanOrEqual(declared.length + content.length + 100);
      expect(said).not.toMatch(/root:|lol.*lol.*lol.*lol.*lol.*lol/);
    },
  );
});

describe('T20: PDF files whose parts lead in a circle or promise too much', () => {
  const page =
    '3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>>>\nendobj\n';
  const rest =
    '5 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>\nendobj\n6 0 obj\n<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>/Length 5>>\nstream\n/X Do\nendstream\nendobj\n';
  const content = (drawn: string) => `4 0 obj\n<</Length ${drawn.length}>>\nstream\n${drawn}\nendstream\nendobj\n`;
  const text = 'BT /F 12 Tf 20 100 Td (Weir.) Tj ET';
  const file = (tree: string, drawn = text, tail = 'trailer\n<</Root 1 0 R>>\n%%EOF\n') =>
    `%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(globalThis.canary = 1)>>>>\nendobj\n2 0 obj\n${tree}\nendobj\n${page}${content(drawn)}${rest}${tail}`;

  it.each([
    ['a tree of pages that holds itself', file('<</Type/Pages/Count 2/Kids[2 0 R 3 0 R]>>')],
    ['a form that draws itself', file('<</Type/Pages/Count 1/Kids[3 0 R]>>', `/X Do ${text}`)],
    ['a million pages that are not there', file('<</Type/Pages/Count 1000000/Kids[3 0 R]>>')],
    [
      'a list of objects that goes back to itself',
      `${file('<</Type/Pages/Count 1/Kids[3 0 R]>>', text, '')}xref\n0 1\n0000000000 65535 f \ntrailer\n<</Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n`,
    ],
    [
      'a length that refers to itself',
      file('<</Type/Pages/Count 1/Kids[3 0 R]>>').replace('4 0 obj\n<</Length 35>>', '4 0 obj\n<</Length 4 0 R>>'),
    ],
  ])('end as text or as an error: %s', async (_, pdf) => {
    expect(await outcome('a.pdf', pdf)).toMatch(/^(?:Weir\.\n*|E_DOCUMENT_[A-Z_]+)$/);
    expect(Reflect.get(globalThis, 'canary')).toBeUndefined();
  });
});

describe('T21: names that mean something to JavaScript', () => {
  it.each([
    ['a.json', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"lc":1,"type":"constructor"}'],
    ['a.jsonl', '{"__proto__":{"polluted":1}}\n{"constructor":{"prototype":{"polluted":1}}}\n'],
    ['a.csv', '__proto__,constructor,toString\npolluted,polluted,polluted\n'],
    ['a.md', '---\n__proto__:\n  polluted: 1\nconstructor: x\n---\n\n# __proto__\n\n[__proto__]: x\n'],
    ['a.html', '<p id="__proto__" class="constructor">Text</p><form name="__proto__"><input name="polluted"></form>'],
    ['a.xml', '<?xml version="1.0"?><__proto__ constructor="polluted"><polluted>1</polluted></__proto__>'],
    [
      'a.eml',
      'From: a@b.c\r\n__proto__: polluted\r\nconstructor: x\r\nSubject: x\r\nDate: Fri, 14 Mar 2031 09:30:00 +0100\r\n\r\nText\r\n',
    ],
  ])('have no power in %s', async (name, content) => {
    expect(await outcome(name, content)).not.toMatch(/^E_/);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});

describe('T23: texts that overflow what is recursive, and characters that hide', () => {
  it.each(pathological)('$name: $of', async ({ name, make }) => {
    expect(typeof (await outcome(name, make(100_000)))).toBe('string');
  });

  it('says what of Markdown is nested too deeply to be read', async () => {
    const { text, warnings } = await parseDocument(
      { bytes: Buffer.from(`The wheel.\n\n${'> '.repeat(1_000)}turns`), name: 'a.md' },
      parsers,
    );
    expect(text).toBe('The wheel.');
    expect(warnings).toEqual([expect.stringContaining('deeper than 100 levels')]);
  });

  it('keeps no zero-width character, no NUL and no half of a pair', async () => {
    expect(await outcome('a.json', JSON.stringify('a\u200bb\u0000c \ud800 end'))).toBe('ab\uFFFDc \uFFFD end');
  });

  it('reads one line of many megabytes', async () => {
    const line = 'The wheel turns and turns. '.repeat(200_000);
    expect(await outcome('a.txt', line)).toHaveLength(line.length);
  });
});
