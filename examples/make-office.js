/**
 * Writes the office files of `documents/`: a Word document, a workbook, a presentation, a message with an attachment and a table of
 * measurements. Run it with `node examples/make-office.js` after a change of the contents below; the files are the same, byte for byte, on
 * every machine.
 */
import { writeFileSync } from 'node:fs';
import { crc32, deflateRawSync } from 'node:zlib';

const organisation = 'Varnholt Rack Railway Cooperative';
const created = '2031-02-20T08:00:00Z';

/** A zip archive of texts, all of the same invented moment. */
function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content, 'utf8');
    const packed = deflateRawSync(bytes, { level: 9 });
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(0x800, 2);
    head.writeUInt16LE(8, 4);
    head.writeUInt16LE(0x4000, 6);
    head.writeUInt16LE(((2031 - 1980) << 9) | (2 << 5) | 20, 8);
    head.writeUInt32LE(crc32(bytes), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(bytes.length, 18);
    head.writeUInt16LE(Buffer.byteLength(name), 22);
    const record = Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\0', 'latin1'), head, Buffer.alloc(14), Buffer.from(name)]);
    record.writeUInt32LE(offset, 42);
    directory.push(record);
    parts.push(Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), head, Buffer.from(name), packed]));
    offset += parts.at(-1).length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const xml = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const packageRelations = 'http://schemas.openxmlformats.org/package/2006/relationships';
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function relations(entries) {
  const list = entries.map(([id, type, target]) => `<Relationship Id="${id}" Type="${type}" Target="${target}"/>`);
  return `${xml}<Relationships xmlns="${packageRelations}">${list.join('')}</Relationships>`;
}

/** What every package has. `parts`: path → content type. */
function packageParts(main, title, parts) {
  const overrides = Object.entries(parts).map(([path, type]) => `<Override PartName="/${path}" ContentType="${type}"/>`);
  return {
    '[Content_Types].xml': `${xml}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>${overrides.join('')}<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>`,
    '_rels/.rels': relations([
      ['rId1', `${office}/officeDocument`, main],
      ['rId2', `${packageRelations}/metadata/core-properties`, 'docProps/core.xml'],
    ]),
    'docProps/core.xml': `${xml}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>${title}</dc:title><dc:creator>${organisation}</dc:creator><dc:language>en-GB</dc:language><dcterms:created xsi:type="dcterms:W3CDTF">${created}</dcterms:created></cp:coreProperties>`,
  };
}

const word = 'application/vnd.openxmlformats-officedocument.wordprocessingml';
const w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';

function wordParagraph(text, style, more = '') {
  const properties = style === undefined ? '' : `<w:pPr>${style}</w:pPr>`;
  return `<w:p>${properties}<w:r><w:t xml:space="preserve">${escape(text)}</w:t></w:r>${more}</w:p>`;
}
const heading = (text, level) => wordParagraph(text, `<w:pStyle w:val="Heading${level}"/>`);
const step = (text) => wordParagraph(text, '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>');
const noted = (text, id) => wordParagraph(text, undefined, `<w:r><w:footnoteReference w:id="${id}"/></w:r>`);

function wordTable(rows) {
  const cells = (row) => row.map((cell) => `<w:tc>${wordParagraph(cell)}</w:tc>`).join('');
  const lines = rows.map((row, at) => `<w:tr>${at === 0 ? '<w:trPr><w:tblHeader/></w:trPr>' : ''}${cells(row)}</w:tr>`);
  return `<w:tbl>${lines.join('')}</w:tbl>`;
}

function instruction() {
  const body = [
    heading('Heating of the points in winter', 1),
    wordParagraph('Instruction 14 of the workshop, in force from 15 November 2030.'),
    heading('When the heating is switched on', 2),
    noted('The heating of the points at Orrin Bridge is switched on when the rail is colder than 3 °C and the air is damp.', 2),
    wordParagraph('At Stonefold it is switched on at 1 °C, because the points there lie under a roof.'),
    heading('Check before the first frost', 2),
    step('Measure the resistance of every heating rod; a rod above 31 ohms is replaced.'),
    step('Clean the drains below the points.'),
    step('Switch the heating on for 20 minutes and feel every rod by hand, with gloves.'),
    heading('Heating rods', 2),
    wordTable([
      ['Points', 'Place', 'Rods', 'Power of a rod'],
      ['W1', 'Orrin Bridge, lower end', '8', '450 W'],
      ['W2', 'Orrin Bridge, upper end', '8', '450 W'],
      ['W3', 'Stonefold, lower end', '6', '300 W'],
      ['W4', 'Stonefold, upper end', '6', '300 W'],
    ]),
    wordParagraph('Spare rods lie in cupboard C of the workshop. At least four of each kind are kept.'),
  ];
  const style = (id, name) => `<w:style w:type="paragraph" w:styleId="${id}"><w:name w:val="${name}"/></w:style>`;
  return zip({
    ...packageParts('word/document.xml', 'Heating of the points in winter', {
      'word/document.xml': `${word}.document.main+xml`,
      'word/styles.xml': `${word}.styles+xml`,
      'word/numbering.xml': `${word}.numbering+xml`,
      'word/footnotes.xml': `${word}.footnotes+xml`,
    }),
    'word/document.xml': `${xml}<w:document ${w}><w:body>${body.join('')}</w:body></w:document>`,
    'word/_rels/document.xml.rels': relations([
      ['rId1', `${office}/styles`, 'styles.xml'],
      ['rId2', `${office}/numbering`, 'numbering.xml'],
      ['rId3', `${office}/footnotes`, 'footnotes.xml'],
    ]),
    'word/styles.xml': `${xml}<w:styles ${w}>${style('Heading1', 'heading 1')}${style('Heading2', 'heading 2')}</w:styles>`,
    'word/numbering.xml': `${xml}<w:numbering ${w}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>`,
    'word/footnotes.xml': `${xml}<w:footnotes ${w}><w:footnote w:id="2">${wordParagraph('The sensor hangs at the second sleeper behind the tongue of points W2.')}</w:footnote></w:footnotes>`,
  });
}

const sheet = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
const s = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';

function worksheet(rows) {
  const cell = (value, column, row) => {
    const reference = `${String.fromCharCode(65 + column)}${row}`;
    if (typeof value === 'number') return `<c r="${reference}"><v>${value}</v></c>`;
    return `<c r="${reference}" t="inlineStr"><is><t>${escape(value)}</t></is></c>`;
  };
  const lines = rows.map((row, at) => `<row r="${at + 1}">${row.map((value, column) => cell(value, column, at + 1)).join('')}</row>`);
  return `${xml}<worksheet ${s}><sheetData>${lines.join('')}</sheetData></worksheet>`;
}

function stock() {
  return zip({
    ...packageParts('xl/workbook.xml', 'Stock of the souvenir shelf', {
      'xl/workbook.xml': `${sheet}.sheet.main+xml`,
      'xl/worksheets/sheet1.xml': `${sheet}.worksheet+xml`,
      'xl/worksheets/sheet2.xml': `${sheet}.worksheet+xml`,
    }),
    'xl/workbook.xml': `${xml}<workbook ${s} xmlns:r="${office}"><sheets><sheet name="Souvenir shelf" sheetId="1" r:id="rId1"/><sheet name="Suppliers" sheetId="2" r:id="rId2"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relations([
      ['rId1', `${office}/worksheet`, 'worksheets/sheet1.xml'],
      ['rId2', `${office}/worksheet`, 'worksheets/sheet2.xml'],
    ]),
    'xl/worksheets/sheet1.xml': worksheet([
      ['Souvenir shelf at Lower Varnholt, counted on 31 January 2031'],
      [],
      ['Item', 'Pieces', 'Price each (crowns)', 'Supplier'],
      ['Enamel badge with a cog wheel', 143, 4.5, 'Marl'],
      ['Poster of the Orrin viaduct', 61, 12, 'Tannhof'],
      ['Model of locomotive L1, wood', 17, 38, 'Osker'],
      ['Tea towel with the timetable of 1991', 88, 9.8, 'Tannhof'],
      ['Tin of rack-shaped biscuits', 24, 7.2, 'Marl'],
    ]),
    'xl/worksheets/sheet2.xml': worksheet([
      ['Supplier', 'Place', 'Delivers within (days)', 'Smallest order (pieces)'],
      ['Marl', 'Millbrook', 6, 50],
      ['Osker', 'Stonefold', 30, 5],
      ['Tannhof', 'Varnholt valley', 12, 20],
    ]),
  });
}

const slides = [
  { title: 'Volunteer day 2031', lines: ['Saturday 10 May 2031, from 08:15 at Millbrook Halt', 'Bring gloves and a cup; soup is free'] },
  {
    title: 'What is to be done',
    table: [
      ['Task', 'Place', 'Helpers'],
      ['Paint the fence', 'Millbrook Halt', '12'],
      ['Clear the ditch', 'kilometre 2.9', '9'],
      ['Sort old tickets', 'Lower Varnholt archive', '4'],
    ],
    notes: 'Last year 31 helpers came; the ditch took until 15:20.',
  },
];
const presentation = 'application/vnd.openxmlformats-officedocument.presentationml';
const p = `xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="${office}"`;

function volunteers() {
  const text = (line) => `<a:p><a:r><a:t>${escape(line)}</a:t></a:r></a:p>`;
  const shape = (id, type, lines) =>
    `<p:sp><p:nvSpPr><p:cNvPr id="${id}" name="${type}"/><p:cNvSpPr/><p:nvPr><p:ph type="${type}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>${lines.map(text).join('')}</p:txBody></p:sp>`;
  const table = (rows) =>
    `<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="9" name="table"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/table"><a:tbl><a:tblPr firstRow="1"/>${rows.map((row) => `<a:tr h="1">${row.map((cell) => `<a:tc><a:txBody><a:bodyPr/>${text(cell)}</a:txBody></a:tc>`).join('')}</a:tr>`).join('')}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>`;
  const files = {
    ...packageParts('ppt/presentation.xml', 'Volunteer day 2031', {
      'ppt/presentation.xml': `${presentation}.presentation.main+xml`,
      ...Object.fromEntries(slides.map((_, at) => [`ppt/slides/slide${at + 1}.xml`, `${presentation}.slide+xml`])),
      'ppt/notesSlides/notesSlide2.xml': `${presentation}.notesSlide+xml`,
    }),
    'ppt/presentation.xml': `${xml}<p:presentation ${p}><p:sldIdLst>${slides.map((_, at) => `<p:sldId id="${256 + at}" r:id="rId${at + 1}"/>`).join('')}</p:sldIdLst></p:presentation>`,
    'ppt/_rels/presentation.xml.rels': relations(slides.map((_, at) => [`rId${at + 1}`, `${office}/slide`, `slides/slide${at + 1}.xml`])),
  };
  for (const [at, slide] of slides.entries()) {
    const body = slide.table === undefined ? shape(3, 'body', slide.lines) : table(slide.table);
    files[`ppt/slides/slide${at + 1}.xml`] =
      `${xml}<p:sld ${p}><p:cSld><p:spTree>${shape(2, 'title', [slide.title])}${body}</p:spTree></p:cSld></p:sld>`;
    if (slide.notes === undefined) continue;
    files[`ppt/slides/_rels/slide${at + 1}.xml.rels`] = relations([
      ['rId1', `${office}/notesSlide`, `../notesSlides/notesSlide${at + 1}.xml`],
    ]);
    files[`ppt/notesSlides/notesSlide${at + 1}.xml`] =
      `${xml}<p:notes ${p}><p:cSld><p:spTree>${shape(2, 'body', [slide.notes])}</p:spTree></p:cSld></p:notes>`;
  }
  return zip(files);
}

const snow = [
  'Date,Station,Snow depth (cm),New snow (cm),Observer',
  '2031-02-03,Stonefold,64,12,track warden',
  '2031-02-03,Kestrel Saddle,141,18,shelter keeper',
  '2031-02-10,Stonefold,71,9,track warden',
  '2031-02-10,Kestrel Saddle,166,31,shelter keeper',
  '2031-02-17,Stonefold,58,0,track warden',
  '2031-02-17,Kestrel Saddle,159,4,shelter keeper',
  '',
].join('\r\n');

const visits = ['Class,Pupils,Day,Guide', '3a,22,2031-05-20,Brenn', '3b,19,2031-05-21,Brenn', '4,24,2031-05-27,Halm', ''].join('\r\n');

const letter = [
  'From: School of Millbrook <office@school.millbrook.example>',
  'To: Varnholt Rack Railway <counter@varnholt-rack.example>',
  'Subject: Three classes visit the workshop in May',
  'Date: Tue, 18 Feb 2031 10:12:00 +0100',
  'Message-ID: <visit-2031@school.millbrook.example>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="part"',
  '',
  '--part',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'Good morning,',
  '',
  'three of our classes would like to see the workshop in May. The days and the number of pupils are in the table attached.',
  'Each visit begins at 09:40 at the workshop gate and takes 75 minutes. Pupils with hearing aids sit in the front row during the demonstration of the lathe.',
  '',
  'Please confirm the guides by 4 April.',
  '',
  'The school office',
  '--part',
  'Content-Type: text/csv; name="visits.csv"',
  'Content-Disposition: attachment; filename="visits.csv"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from(visits).toString('base64'),
  '--part--',
  '',
].join('\r\n');

const folder = new URL('documents/', import.meta.url);
for (const [name, content] of Object.entries({
  'points-heating.docx': instruction(),
  'souvenir-stock.xlsx': stock(),
  'volunteer-day.pptx': volunteers(),
  'school-visits.eml': letter,
  'snow-depth.csv': snow,
})) {
  writeFileSync(new URL(name, folder), content);
}
