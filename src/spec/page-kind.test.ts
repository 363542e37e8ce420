import { describe, expect, it } from 'vitest';
import { type PageKind, pageKindOf, placeOf } from './page-kind.ts';

const office = 'application/vnd.openxmlformats-officedocument';
const openDocument = 'application/vnd.oasis.opendocument';

describe('what the pages of a document are', () => {
  it.each<[parser: string, contentType: string, pages: number, kind: PageKind | null]>([
    ['pdf', 'application/pdf', 1, 'page'],
    ['docx', `${office}.wordprocessingml.document`, 12, 'page'],
    ['docx', `${office}.wordprocessingml.document`, 1, null],
    ['pptx', `${office}.presentationml.presentation`, 1, 'slide'],
    ['ppt', 'application/vnd.ms-powerpoint', 3, 'slide'],
    ['ppt', 'application/vnd.ms-powerpoint', 1, null],
    ['open-document', `${openDocument}.presentation`, 3, 'slide'],
    ['open-document', `${openDocument}.text`, 3, 'page'],
    ['open-document', `${openDocument}.text`, 1, null],
    ['workbook', `${openDocument}.spreadsheet`, 1, 'sheet'],
    ['epub', 'application/epub+zip', 1, 'chapter'],
    ['rtf', 'application/rtf', 2, 'page'],
    ['markdown', 'text/markdown', 1, null],
    ['eml', 'message/rfc822', 1, null],
    ['constructor', 'text/plain', 1, null],
  ])('%s of type %s with %i: %s', (parser, contentType, pages, kind) => {
    expect(pageKindOf({ parser, contentType, pages })).toBe(kind);
  });

  it('of a format of the program are pages where there are several, or one with a label', () => {
    const own = { parser: 'logbook', contentType: 'application/x-logbook' };
    expect(pageKindOf({ ...own, pages: 1 })).toBeNull();
    expect(pageKindOf({ ...own, pages: 1, label: null })).toBeNull();
    expect(pageKindOf({ ...own, pages: 1, label: 'iv' })).toBe('page');
    expect(pageKindOf({ ...own, pages: 2, label: null })).toBe('page');
    expect(pageKindOf({ parser: 'own-pdf', contentType: 'application/pdf', pages: 1 })).toBeNull();
  });
});

it.each<[pageKind: PageKind | null, page: number, pageLabel: string | null, place: string]>([
  ['page', 4, 'iv', 'page iv'],
  ['page', 4, null, 'page 4'],
  ['page', 4, ' ', 'page 4'],
  ['slide', 3, null, 'slide 3'],
  ['sheet', 2, 'Fares', 'sheet Fares'],
  ['sheet', 2, 'Sheet2', 'Sheet2'],
  ['sheet', 2, null, 'sheet 2'],
  ['chapter', 5, 'The mill', 'chapter The mill'],
  ['chapter', 5, 'CHAPTER TWO', 'CHAPTER TWO'],
  ['chapter', 1, null, ''],
  [null, 1, null, ''],
])('says %s %i with the label %s as "%4$s"', (pageKind, page, pageLabel, place) => {
  expect(placeOf({ pageKind, page, pageLabel })).toBe(place);
});
