import { expect, it } from 'vitest';
import { pageKindOf, placeOf } from '../spec/page-kind.ts';
import type { FormatParser } from '../spec/parser.ts';
import { readBlocks } from './fixtures/read-blocks.ts';
import { paragraph, shape, writeDocx, writeEpub, writeOpenDocument, writePpt, writePptx, writeWorkbook } from './fixtures/write-office.ts';
import { writePdf } from './fixtures/write-pdf.ts';

const page = (text: string) => ({ texts: [{ x: 72, y: 700, text }] });
const slide = (text: string) => ({ shapes: shape(paragraph(text), 'title') });
const run = (text: string, before = '') => `<w:p><w:r>${before}<w:t>${text}</w:t></w:r></w:p>`;
const logbook = (pages: number): FormatParser => ({
  name: 'logbook',
  version: 1,
  contentTypes: ['application/x-logbook'],
  endings: { logbook: 'application/x-logbook' },
  isText: true,
  parse: () => {
    const starts = Array.from({ length: pages }, (_, index) => ({ number: index + 1, start: index, end: index + 1 }));
    return Promise.resolve({ text: 'x'.repeat(pages), pages: starts, blocks: [], warnings: [] });
  },
});

it.each<[name: string, places: string[], content: Uint8Array | string, format?: FormatParser]>([
  ['roman.pdf', ['page i', 'page ii'], writePdf([page('One.'), page('Two.')], { romanLabels: true })],
  ['single.pdf', ['page 1'], writePdf([page('One.')])],
  ['laid-out.docx', ['page 1', 'page 2'], writeDocx(run('One.') + run('Two.', '<w:lastRenderedPageBreak/>'))],
  ['never-printed.docx', [''], writeDocx(run('One.'))],
  ['broken.odt', ['page 1', 'page 2'], writeOpenDocument('text', '<text:p>One.</text:p><text:p><text:soft-page-break/>Two.</text:p>')],
  ['flowing.odt', [''], writeOpenDocument('text', '<text:p>One.</text:p>')],
  ['broken.rtf', ['page 1', 'page 2'], '{\\rtf1 One.\\par\\page Two.\\par}'],
  ['flowing.rtf', [''], '{\\rtf1 One.\\par}'],
  ['plan.pptx', ['slide 1', 'slide 2'], writePptx([slide('One'), slide('Two')])],
  ['plan.ppt', ['slide 1', 'slide 2'], writePpt([1, 2].map((number) => ({ title: `Plan ${number}`, text: 'Text.' })))],
  [
    'plan.odp',
    ['slide 1', 'slide 2'],
    writeOpenDocument('presentation', '<draw:page><draw:custom-shape><text:p>x</text:p></draw:custom-shape></draw:page>'.repeat(2)),
  ],
  ['fares.xlsx', ['sheet Fares', 'Sheet2'], writeWorkbook({ Fares: [['Weir', 12]], Sheet2: [['Mill', 1]] }, 'xlsx')],
  ['fares.ods', ['sheet Fares'], writeWorkbook({ Fares: [['Weir', 12]] }, 'ods')],
  ['book.epub', ['chapter The start', 'chapter The end'], writeEpub({ 'The start': '<p>One.</p>', 'The end': '<p>Two.</p>' })],
  ['handbook.md', [''], '# One\n\nText.'],
  ['minutes.txt', [''], 'One.'],
  ['fares.html', [''], '<!doctype html><p>One.</p>'],
  ['fares.csv', [''], 'stop,fare\nweir,12\n'],
  ['mail.eml', [''], 'From: a@example.org\nTo: b@example.org\nSubject: One\nDate: Fri, 14 Mar 2031 08:00:00 +0000\n\nText.\n'],
  ['one.logbook', [''], 'x', logbook(1)],
  ['several.logbook', ['page 1', 'page 2'], 'x', logbook(2)],
])('%s is cited by %j', async (name, places, content, format) => {
  const { parser, contentType, pages } = await readBlocks(content, name, format === undefined ? [] : [format]);
  const told = pages.map(({ number, label = null }) => {
    const pageKind = pageKindOf({ parser, contentType, pages: pages.length, label });
    return placeOf({ pageKind, page: number, pageLabel: label });
  });
  expect(told).toEqual(places);
});
