import { expect, it } from 'vitest';
import type { Citation, Hit } from '../spec/answers.ts';
import type { Place } from '../spec/page-kind.ts';
import type { SettledQuestion } from '../spec/runs.ts';
import type { SettledCell } from '../spec/tables.ts';
import { describeCitations, describeHit } from './commands/questions.ts';
import { describeLength } from './describe-place.ts';
import { describeCell, describeItem } from './show-run.ts';

const places: readonly (Place & { readonly source: string })[] = [
  { source: 'file:///docs/report.pdf', pageKind: 'page', page: 4, pageLabel: 'iv' },
  { source: 'file:///docs/plan.pptx', pageKind: 'slide', page: 3, pageLabel: null },
  { source: 'file:///docs/fares.xlsx', pageKind: 'sheet', page: 2, pageLabel: 'Fares\nof 2031' },
  { source: 'file:///docs/book.epub', pageKind: 'chapter', page: 7, pageLabel: 'The weir' },
  { source: 'file:///docs/handbook.md', pageKind: null, page: 1, pageLabel: null },
];
const citations = places.map((place, index): Citation => {
  return { ...place, number: index + 1, document: 'd', title: null, start: 0, end: 6, quote: 'Quote.' };
});

it('shows hits, citations, items and cells where they stand in the words of their format', () => {
  const hits = places.map((place, index) => describeHit({ ...place, rank: index + 1, headingPath: ['Top'] } as unknown as Hit));
  expect(hits).toEqual([
    '[1] /docs/report.pdf, page iv, Top',
    '[2] /docs/plan.pptx, slide 3, Top',
    '[3] /docs/fares.xlsx, sheet Fares␊of 2031, Top',
    '[4] /docs/book.epub, chapter The weir, Top',
    '[5] /docs/handbook.md, Top',
  ]);
  const cited = [
    '[1] /docs/report.pdf, page iv: "Quote."',
    '[2] /docs/plan.pptx, slide 3: "Quote."',
    '[3] /docs/fares.xlsx, sheet Fares␊of 2031: "Quote."',
    '[4] /docs/book.epub, chapter The weir: "Quote."',
    '[5] /docs/handbook.md: "Quote."',
    '',
  ].join('\n');
  expect(describeCitations({ citations, unsupported: [] })).toBe(cited);
  const item = { index: 0, id: null, question: 'Where?', status: 'done', answer: 'There.', citations, unsupported: [], stale: false };
  expect(describeItem(item as unknown as SettledQuestion)).toBe(`Question 1: Where?\nThere.\n${cited}\n`);
  const cells = citations.map((citation) => {
    const cell = { uri: citation.source, id: 'where', type: 'text', status: 'done', value: 'There.', empty: false, citations: [citation] };
    return describeCell({ ...cell, stale: false } as unknown as SettledCell).split('\n')[1];
  });
  expect(cells).toEqual([
    '  page iv: "Quote."',
    '  slide 3: "Quote."',
    '  sheet Fares␊of 2031: "Quote."',
    '  chapter The weir: "Quote."',
    '  "Quote."',
  ]);
});

it('tells the length of a document without pages where it has none', () => {
  expect(describeLength({ pageKind: 'page', pages: 1, chunks: 2 })).toBe('1 page, 2 chunks');
  expect(describeLength({ pageKind: 'slide', pages: 12, chunks: 1 })).toBe('12 slides, 1 chunk');
  expect(describeLength({ pageKind: null, pages: 1, chunks: 3 })).toBe('3 chunks');
});
