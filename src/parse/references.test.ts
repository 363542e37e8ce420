import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentParser } from '../spec/parser.ts';
import { systemClock } from '../util/clock.ts';
import { writeOpenDocument } from './fixtures/write-office.ts';
import { writeZip } from './fixtures/write-zip.ts';
import { createDocumentParser } from './pool.ts';

/** Documents that refer to a file and to an address. Nobody may look there. */
describe('references in documents', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-canary-'));
  const file = join(folder, 'canary.txt');
  let connections = 0;
  let server: Server;
  let parser: DocumentParser;

  beforeAll(async () => {
    writeFileSync(file, 'The canary sings.');
    server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    parser = createDocumentParser({ clock: systemClock, concurrency: 1 });
  });
  afterAll(async () => {
    await parser.close();
    server.close();
    rmSync(folder, { recursive: true });
  });

  function documents(): Readonly<Record<string, string | Uint8Array>> {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    const uri = `file://${file}`;
    const external = (type: string, target: string): string =>
      `<Relationships><Relationship Id="r1" Type="x/${type}" Target="${target}" TargetMode="External"/><Relationship Id="r2" Type="x/${type}" Target="../../../../../../..${file}"/></Relationships>`;
    const entities = `<!DOCTYPE x [<!ENTITY f SYSTEM "${uri}"><!ENTITY n SYSTEM "${address}"><!ENTITY % p SYSTEM "${address}">%p;]>`;
    const wordBody = '<w:document><w:body><w:p><w:r><w:t>Text.</w:t></w:r></w:p></w:body></w:document>';
    return {
      'a.html': `<html><head><link rel="stylesheet" href="${address}"><base href="${address}"></head><body><p>Text.</p><img src="${address}"><iframe src="${uri}"></iframe><object data="${uri}"></object></body></html>`,
      'a.md': `Text. ![x](${address}) <img src="${address}">`,
      'a.svg': `<?xml version="1.0"?>${entities}<svg><image href="${address}"/><text>Text. &f; &n;</text></svg>`,
      'a.xml': `<?xml version="1.0"?>${entities}<?xml-stylesheet href="${address}"?><x><p>Text. &f; &n;</p></x>`,
      'a.docx': writeZip({ 'word/document.xml': entities + wordBody, 'word/_rels/document.xml.rels': external('footnotes', uri) }),
      'a.pptx': writeZip({
        'ppt/presentation.xml':
          '<p:presentation><p:sldIdLst><p:sldId r:id="r1"/><p:sldId r:id="r2"/><p:sldId r:id="r3"/></p:sldIdLst></p:presentation>',
        'ppt/_rels/presentation.xml.rels': external('slide', address).replace(
          '</Relationships>',
          '<Relationship Id="r3" Type="x/slide" Target="s.xml"/></Relationships>',
        ),
        'ppt/s.xml':
          '<p:sld><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>Text.</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>',
      }),
      'a.odt': writeOpenDocument(
        'text',
        `<text:p>Text.<draw:frame><draw:image xlink:href="${address}"/></draw:frame><text:a xlink:href="${uri}">x</text:a></text:p>`,
      ),
      'a.epub': writeZip({
        mimetype: 'application/epub+zip',
        'META-INF/container.xml': '<rootfile full-path="b.opf"/>',
        'b.opf': `<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><item id="b" href="${address}" media-type="application/xhtml+xml"/><item id="c" href="../../../../../..${file}" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/></spine></package>`,
        'a.xhtml': `<html><body><p>Text.</p><img src="${address}"/></body></html>`,
      }),
      'a.eml': `From: a@b.c\r\nSubject: x\r\nDate: Fri, 14 Mar 2031 09:30:00 +0100\r\nContent-Type: text/html\r\n\r\n<p>Text.</p><img src="${address}">`,
      'a.rtf': `{\\rtf1 Text.{\\field{\\*\\fldinst INCLUDETEXT "${file}"}{\\fldrslt x}}{\\field{\\*\\fldinst INCLUDEPICTURE "${address}"}}}`,
      'a.csv': `a,b\n=WEBSERVICE("${address}"),Text.\n`,
      'a.pdf': `%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/URI/URI(${address})>>>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/GoToR/F(${file})>>>>]>>endobj\n4 0 obj<</Length 37>>stream\nBT /F 12 Tf 20 100 Td (Text.) Tj ET  \nendstream endobj\ntrailer<</Root 1 0 R>>`,
    };
  }

  it('are never followed: no file is read and no connection made', async () => {
    const read = new Map<string, string>();
    for (const [name, content] of Object.entries(documents())) {
      const { text } = await parser.parse({ bytes: Buffer.from(content as Uint8Array), name }, new AbortController().signal);
      read.set(name, text);
    }
    for (const [name, text] of read) {
      expect(text, name).toContain('Text.');
      expect(text, name).not.toContain('canary sings');
    }
    expect(connections).toBe(0);
  });
});
