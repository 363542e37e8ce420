/**
 * Writes `documents/technical-report.pdf`: two columns, a running head, page numbers. Run it with `node examples/make-pdf.js`
 * after a change of the text below; the file is the same, byte for byte, on every machine.
 */
import { writeFileSync } from 'node:fs';

const title = 'Technical report 2030';
const organisation = 'Varnholt Rack Railway Cooperative';

/** One entry a page: `# ` starts a heading, every other string is a paragraph. */
const pages = [
  [
    '# Traffic in 2030',
    'In 2030 the railway carried 118,430 passengers, 6.2 % more than in the year before. The busiest day was 11 August with 1,174 passengers, the quietest day with traffic was 3 December with 19.',
    'There were 4,912 train runs. Of these, 91.4 % reached their last station less than five minutes late. The target of the cooperative is 93 %. Most delays arose at Stonefold, where ascending trains wait for descending ones.',
    '# Days without traffic',
    'Traffic was stopped on 23 whole days: on 14 of them for wind, on six for snow, on two for the inspection of the viaduct and on one for a power cut in the valley. On a further 31 days trains turned back at Stonefold.',
    '# Staff of the workshop',
    'The workshop worked 9,360 hours, 410 of them at night. One apprentice finished the three-year training as a rack fitter in July. The lathe of 1968 was replaced by a used machine of 2009 for 27,400 crowns.',
    '# How to read this report',
    'Distances along the line are given from the buffer stop of Lower Varnholt. Kilometre 0.9 is Millbrook Halt, kilometre 3.1 is Orrin Bridge, kilometre 5.6 is Stonefold and kilometre 8.4 is Kestrel Saddle. Earlier reports counted from the top; figures before 2024 were converted.',
    'All measurements were made by our own staff unless another source is named. Rack wear is measured every spring and every autumn at 64 fixed points.',
  ],
  [
    '# Rack and track',
    'Between Stonefold and Kestrel Saddle 312 m of rack bars were replaced in May. The wear limit of a rack tooth is 5.5 mm. The greatest wear found in autumn was 4.7 mm, at kilometre 6.35, on the outside of the curve below the avalanche gallery.',
    'The rack was greased with 1,840 kg of grease made from rapeseed oil. Since the change from mineral grease in 2027 no traces have been found in the springs of Millbrook.',
    '# Sleepers and drainage',
    'Of the 11,200 sleepers on the line 590 were exchanged. The new ones are larch between Lower Varnholt and Orrin Bridge and steel above it. Larch sleepers last about 24 years here, steel sleepers more than 50.',
    'Three culverts were cleared after the storm of 8 June. The culvert at kilometre 2.75 was widened from 40 to 70 cm because it had overflowed for the third time.',
    '# Viaduct',
    'The Orrin viaduct has seven arches and is 148 m long. The inspection found two loose stones in the fourth arch, which were fixed on the same day. The expansion joint at the upper end moved by 21 mm over the year; a movement of up to 35 mm is allowed.',
    '# Rockfall fence',
    'The fence above kilometre 4.3 caught eleven blocks, the largest of about 340 kg. Two of its posts were bent and have been replaced. The forest service will fell nine dead firs above the fence in spring.',
  ],
  [
    '# Energy',
    'The trains drew 684 MWh from the overhead line. Descending trains gave back 171 MWh, all of it produced by locomotive L5, the only one with energy recovery. Heating of stations and points took a further 96 MWh.',
    'The transformer of the substation at Orrin Bridge was replaced on 22 September by one of 630 kVA. The old transformer, of 400 kVA, had reached 104 degrees on hot afternoons when two trains climbed at once.',
    '# Overhead line',
    'The contact wire was renewed over 1.2 km, from kilometre 0.9 to kilometre 2.1. The line voltage is 1,200 V direct current. The smallest thickness of the wire on the rest of the line is 8.3 mm; below 7.5 mm it has to be replaced.',
    '# Locomotives',
    'Locomotive L2 stood in the workshop for 47 days because its gearbox housing had cracked. The repair by welding failed, and a new housing was cast for 19,750 crowns. L1 ran 21,300 km, L2 ran 13,900 km and L5 ran 30,600 km.',
    '# Snow plough',
    'The plough was out on 29 mornings. Its rotary head lost a blade on 6 February; since then a spare blade is kept at Stonefold. Clearing the upper section takes 55 minutes on average and took two hours and ten minutes at most.',
  ],
  [
    '# Reportable events',
    'Three events were reported to the transport inspectorate. On 17 January the avalanche detector at kilometre 7.2 gave a false alarm; traffic stood still for 3 hours and 25 minutes and 64 passengers were led to the stone shelter. The cause was a frozen cable joint.',
    'On 2 July a passenger sprained an ankle on the steps of carriage 4. On 19 October a trespasser was seen in the avalanche gallery; the train stopped 30 m before the portal, and nobody was hurt.',
    '# Outlook for 2031',
    'Work planned for 2031: new points at the lower end of Stonefold station in April, 280 m of rack bars between kilometre 6.2 and kilometre 6.48 in May, the overhaul of L2 in November, and new windows for carriage 3 before the end of the year.',
    'The detector at kilometre 7.2 will be joined by a radar on the opposite slope. The canton pays 60 % of its cost of 142,000 crowns, the cooperative the rest.',
    '# Thanks',
    'Volunteers gave 2,240 hours: they painted the shelters, cut the grass between the rails and sold cake at the Saddle Festival. The report was approved by the board on 17 January 2031.',
  ],
];

// Advance widths of Helvetica for the characters 32 to 126, in thousandths of the font size (public font metrics).
const helveticaWidths =
  '278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584'
    .split(' ')
    .map(Number);

const size = { width: 595, height: 842, margin: 56, gap: 24 };
const columnWidth = (size.width - 2 * size.margin - size.gap) / 2;
const text = { size: 10.5, leading: 14.5 };
const heading = { size: 12.5, leading: 19 };

function widthOf(line, fontSize) {
  let total = 0;
  for (const character of line) total += helveticaWidths[character.charCodeAt(0) - 32] ?? 556;
  return (total * fontSize) / 1000;
}

function wrap(paragraph, fontSize) {
  const lines = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(longer, fontSize) > columnWidth) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}

function show(font, fontSize, x, y, line) {
  const escaped = line.replace(/[\\()]/g, '\\$&');
  return `BT /${font} ${fontSize} Tf ${x.toFixed(2)} ${y.toFixed(2)} Td (${escaped}) Tj ET`;
}

/** Blocks stay whole: a heading with its first paragraph, and every paragraph in one column, so both columns fill about equally. */
function layOut(entries, number) {
  const blocks = [];
  let pending = [];
  for (const entry of entries) {
    if (entry.startsWith('# ')) {
      pending = [{ line: entry.slice(2), font: 'Bold', ...heading }];
    } else {
      const lines = wrap(entry, text.size).map((line) => ({ line, font: 'Regular', ...text }));
      blocks.push([...pending, ...lines]);
      pending = [];
    }
  }
  const heightOf = (block) => block.reduce((sum, { leading }) => sum + leading, 8);
  const total = blocks.reduce((sum, block) => sum + heightOf(block), 0);
  const top = size.height - size.margin - 40;
  const commands = [
    show('Bold', 9, size.margin, size.height - 40, organisation),
    show('Regular', 9, size.width - size.margin - widthOf(title, 9), size.height - 40, title),
  ];
  let used = 0;
  let column = 0;
  let y = top;
  for (const block of blocks) {
    if (column === 0 && used >= total / 2) {
      column = 1;
      y = top;
    }
    for (const { line, font, size: fontSize, leading } of block) {
      y -= leading;
      if (y < size.margin + 20) throw new Error(`Page ${number} is too full at "${line}".`);
      commands.push(show(font, fontSize, size.margin + column * (columnWidth + size.gap), y, line));
    }
    y -= 8;
    used += heightOf(block);
  }
  const footer = `Page ${number} of ${pages.length}`;
  commands.push(show('Regular', 9, (size.width - widthOf(footer, 9)) / 2, 36, footer));
  return commands.join('\n');
}

function buildPdf() {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R /Lang (en) >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, index) => `${6 + 2 * index} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>',
    `<< /Title (${title}) /Author (${organisation}) /Producer (examples/make-pdf.js) >>`,
  ];
  pages.forEach((entries, index) => {
    const content = layOut(entries, index + 1);
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${size.width} ${size.height}] /Contents ${7 + 2 * index} 0 R /Resources << /Font << /Regular 3 0 R /Bold 4 0 R >> >> >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    );
  });
  let file = '%PDF-1.4\n';
  const offsets = objects.map((object, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  return `${file}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
}

writeFileSync(new URL('documents/technical-report.pdf', import.meta.url), buildPdf(), 'latin1');
