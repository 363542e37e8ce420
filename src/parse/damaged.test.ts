import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { isMillraceError } from '../errors.ts';
import { createSeededRandom } from '../util/random.ts';
import {
  paragraph,
  shape,
  writeDoc,
  writeDocx,
  writeEpub,
  writeMsg,
  writeOpenDocument,
  writePpt,
  writePptx,
  writeWorkbook,
} from './fixtures/write-office.ts';
import { writePdf } from './fixtures/write-pdf.ts';
import { writeZip } from './fixtures/write-zip.ts';
import { createFormatParsers } from './formats.ts';
import { parseDocument } from './parse-document.ts';

const rows = [
  ['Stop', 'Fare'],
  ['Weir', 1],
  ['Mill', 2],
];
const text = 'The ferry leaves at 7:40. ';
const samples: Readonly<Record<string, Uint8Array>> = {
  'a.txt': Buffer.from(text),
  'a.md': Buffer.from(`# ${text}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n`),
  'a.html': Buffer.from(`<!doctype html><h1>x</h1><p>${text.repeat(30)}</p><table><tr><th>a<th>b</tr></table>`),
  'a.csv': Buffer.from('a,b\n1,"2"\n'),
  'a.json': Buffer.from('{"a":[{"b":1,"c":2},{"b":3,"c":4}]}'),
  'a.xml': Buffer.from('<?xml version="1.0"?><a><p>x &amp; y</p></a>'),
  'a.rtf': Buffer.from("{\\rtf1 {\\b bold} \\'e9 \\par}"),
  'a.eml': Buffer.from(`From: a@b.c\r\nSubject: x\r\nDate: Fri, 14 Mar 2031 09:30:00 +0100\r\n\r\n${text}`),
  'a.pdf': writePdf([{ texts: [{ x: 72, y: 700, text }] }]),
  'a.docx': writeDocx(`<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`),
  'a.pptx': writePptx([{ shapes: shape(paragraph(text), 'title') }]),
  'a.xlsx': writeWorkbook({ A: rows }),
  'a.xls': writeWorkbook({ A: rows }, 'biff8'),
  'a.ods': writeWorkbook({ A: rows }, 'ods'),
  'a.odt': writeOpenDocument('text', `<text:p>${text}</text:p>`),
  'a.epub': writeEpub({ One: `<p>${text}</p>` }),
  'a.doc': writeDoc(`${text}\r`),
  'a.ppt': writePpt([{ title: 'One', text }]),
  'a.msg': writeMsg({ '0037': 'x', '1000': text }),
  'a.zip': writeZip({ 'a.txt': text }),
  'a.gz': gzipSync(text),
};

const changes = 40;

/** Cuts, overwritten bytes, bytes that come twice. */
function damage(bytes: Uint8Array, seed: number): Uint8Array {
  const random = createSeededRandom(seed);
  const at = (limit: number): number => Math.floor(random.float() * limit);
  if (seed % 4 === 0) return bytes.subarray(0, at(bytes.length));
  const copy = Uint8Array.from(bytes);
  if (seed % 4 === 1) {
    const start = at(copy.length);
    return Buffer.concat([copy.subarray(0, start), copy.subarray(Math.max(0, start - 40))]);
  }
  for (let count = 0; count <= seed % 12; count += 1) copy[at(copy.length)] = at(256);
  return copy;
}

describe('damaged files', () => {
  const parsers = createFormatParsers();

  it.each(Object.keys(samples))('%s ends as text or as an error of the catalogue, whatever is changed in it', async (name) => {
    // The library for workbooks tells the console what it does not know.
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const bytes = samples[name] ?? new Uint8Array();
    await expect(parseDocument({ bytes, name }, parsers)).resolves.toBeDefined();
    for (let seed = 0; seed < changes; seed += 1) {
      const outcome = await parseDocument({ bytes: damage(bytes, seed), name }, parsers).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(isMillraceError(outcome) && outcome.code, `seed ${seed}: ${String(outcome)}`).toMatch(/^E_DOCUMENT_/);
      }
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
