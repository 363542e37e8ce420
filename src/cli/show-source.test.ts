import { expect, it } from 'vitest';
import type { DocumentId, SourceId } from '../spec/identifiers.ts';
import type { DocumentRecord, SourceRecord } from '../spec/store.ts';
import { sourceLine, tellSource } from './show-source.ts';

const source: SourceRecord = {
  id: 's' as SourceId,
  collection: 'default',
  key: '/docs/a.pdf',
  uri: 'file:///docs/a.pdf',
  title: null,
  mtime: Date.UTC(2031, 2, 14),
  size: 55,
  metadata: { client: 4711, note: 'two\nlines' },
  document: 'd' as DocumentId,
  error: null,
  blob: null,
  contentType: null,
  pendingAt: null,
  updatedAt: 0,
};
const document = {
  parser: 'pdf',
  contentType: 'application/pdf',
  textLength: 900,
  title: 'The lease',
  author: 'A. Author',
  language: 'en',
  createdAt: null,
  modifiedAt: Date.UTC(2030, 0, 1),
  pages: 1,
  chunks: 3,
  warnings: ['1 of 2 pages has no text layer.'],
  committedAt: Date.UTC(2031, 2, 15),
  id: 'd',
} as unknown as DocumentRecord;

function told(shown: Parameters<typeof tellSource>[1]): string {
  let text = '';
  tellSource({ out: (part) => (text += part) }, shown);
  return text;
}

it('tells what a document says of itself, what was said of its source, and its versions', () => {
  const version = { number: 1, document: 'd' as DocumentId, bytesSha256: '', textSha256: '', from: Date.UTC(2031, 2, 15), until: null };
  expect(told({ source, document, versions: [version] })).toBe(
    [
      '/docs/a.pdf',
      'title: The lease',
      'author: A. Author',
      'language: en',
      'modified: 2030-01-01T00:00:00.000Z',
      'type: application/pdf',
      'text: 900 characters, 1 page, 3 chunks',
      'ingested: 2031-03-15T00:00:00.000Z',
      'size: 55 B',
      'file modified: 2031-03-14T00:00:00.000Z',
      'client: 4711',
      'note: two\u240alines',
      'note: 1 of 2 pages has no text layer.',
      'document: d',
      'version 1: d, 2031-03-15T00:00:00.000Z to now',
      '',
    ].join('\n'),
  );
});

it('counts slides and sheets as what they are, and no pages where there are none', () => {
  const lengthOf = (parser: string, contentType: string, pages: number): string | undefined =>
    /^text: .*$/m.exec(told({ source, document: { ...document, parser, contentType, pages }, versions: [] }))?.[0];
  expect(lengthOf('pptx', 'application/x', 12)).toBe('text: 900 characters, 12 slides, 3 chunks');
  expect(lengthOf('workbook', 'application/x', 1)).toBe('text: 900 characters, 1 sheet, 3 chunks');
  expect(lengthOf('markdown', 'text/markdown', 1)).toBe('text: 900 characters, 3 chunks');
});

it('tells failed, quarantined and waiting sources from those that were read', () => {
  const error = { message: 'It ended its parser.', remedy: '', retryable: false };
  const quarantined = { ...source, document: null, error: { ...error, code: 'E_PARSE_CRASHED' } } as SourceRecord;
  expect(sourceLine(source)).toBe('ok      /docs/a.pdf\n');
  expect(sourceLine({ ...source, pendingAt: 1 })).toBe('pending  /docs/a.pdf\n');
  expect(sourceLine(quarantined)).toBe('quarantined  /docs/a.pdf (E_PARSE_CRASHED)\n');
  expect(sourceLine({ ...source, error: { ...error, code: 'E_DOCUMENT_EMPTY' } })).toBe('failed  /docs/a.pdf (E_DOCUMENT_EMPTY)\n');
  expect(told({ source: quarantined, document: null, versions: [] })).toContain('in quarantine: It ended its parser.\n');
});
