import type { FormatParser } from '../spec/parser.ts';
import { sourceCodeEndings } from './data/source-code.ts';
import { createOcrs } from './ocr/tesseract.ts';

/**
 * Every format that can be read; a new one is a file and an entry here. Parsers are imported when their first document comes, so
 * that the main process, which only needs names and versions, never loads them. One table per child: a parser may keep state.
 * `more`: formats of the program, which come first.
 */
export function createFormatParsers(more: readonly FormatParser[] = []): readonly FormatParser[] {
  const documents = [...more, ...textFormats(), ...binaryFormats()];
  return [...documents, ...containerFormats(documents.reduce((sum, { version }) => sum + version, 0))];
}

const officeMedia = 'application/vnd.openxmlformats-officedocument';
const openDocumentMedia = 'application/vnd.oasis.opendocument';

function textFormats(): FormatParser[] {
  return [
    {
      name: 'plain-text',
      version: 1,
      contentTypes: ['text/plain'],
      isText: true,
      endings: { txt: 'text/plain', text: 'text/plain', log: 'text/plain' },
      parse: async (bytes, context) => (await import('./plain-text.ts')).parsePlainText(bytes, context),
    },
    {
      name: 'markdown',
      version: 2,
      contentTypes: ['text/markdown', 'text/x-markdown'],
      isText: true,
      endings: { md: 'text/markdown', markdown: 'text/markdown', mdown: 'text/markdown', mkd: 'text/markdown' },
      parse: async (bytes, context) => (await import('./markdown.ts')).parseMarkdown(bytes, context),
    },
    {
      name: 'html',
      version: 3,
      contentTypes: ['text/html', 'application/xhtml+xml'],
      isText: true,
      endings: { html: 'text/html', htm: 'text/html', xhtml: 'text/html' },
      parse: async (bytes, context) => (await import('./html.ts')).parseHtml(bytes, context),
    },
    {
      name: 'csv',
      version: 1,
      contentTypes: ['text/csv', 'text/tab-separated-values'],
      isText: true,
      endings: { csv: 'text/csv', tsv: 'text/tab-separated-values' },
      parse: async (bytes, context) => (await import('./data/csv.ts')).parseCsv(bytes, context),
    },
    {
      name: 'json',
      version: 1,
      contentTypes: ['application/json', 'application/ld+json'],
      isText: true,
      endings: { json: 'application/json', jsonld: 'application/ld+json' },
      parse: async (bytes, context) => (await import('./data/json.ts')).parseJson(bytes, context),
    },
    {
      name: 'json-lines',
      version: 1,
      contentTypes: ['application/x-ndjson', 'application/jsonl'],
      isText: true,
      endings: { jsonl: 'application/x-ndjson', ndjson: 'application/x-ndjson' },
      parse: async (bytes, context) => (await import('./data/json.ts')).parseJsonLines(bytes, context),
    },
    {
      name: 'xml',
      version: 1,
      contentTypes: ['application/xml', 'text/xml', 'image/svg+xml', 'application/rss+xml', 'application/atom+xml'],
      isText: true,
      endings: { xml: 'application/xml', svg: 'image/svg+xml', rss: 'application/rss+xml', atom: 'application/atom+xml' },
      parse: async (bytes, context) => (await import('./data/xml.ts')).parseXmlDocument(bytes, context),
    },
    {
      name: 'subtitles',
      version: 1,
      contentTypes: ['text/vtt', 'application/x-subrip'],
      isText: true,
      endings: { vtt: 'text/vtt', srt: 'application/x-subrip' },
      parse: async (bytes, context) => (await import('./data/subtitles.ts')).parseSubtitles(bytes, context),
    },
    {
      name: 'source-code',
      version: 1,
      contentTypes: ['text/x-source'],
      isText: true,
      endings: sourceCodeEndings,
      parse: async (bytes, context) => (await import('./data/source-code.ts')).parseSourceCode(bytes, context),
    },
  ];
}

function binaryFormats(): FormatParser[] {
  let pdf: Promise<FormatParser['parse']> | undefined;
  let image: Promise<FormatParser['parse']> | undefined;
  const ocrOf = createOcrs();
  return [
    {
      name: 'pdf',
      version: 4,
      contentTypes: ['application/pdf'],
      parse: async (bytes, context) => {
        pdf ??= import('./pdf/pdf.ts').then(({ createPdfReader }) => createPdfReader(ocrOf));
        return (await pdf)(bytes, context);
      },
    },
    {
      name: 'image',
      version: 1,
      contentTypes: ['image/png', 'image/jpeg', 'image/bmp', 'image/tiff', 'image/webp'],
      parse: async (bytes, context) => {
        image ??= import('./ocr/image.ts').then(({ createImageReader }) => createImageReader(ocrOf));
        return (await image)(bytes, context);
      },
    },
    {
      name: 'docx',
      version: 1,
      contentTypes: [`${officeMedia}.wordprocessingml.document`],
      parse: async (bytes, context) => (await import('./office/docx.ts')).parseDocx(bytes, context),
    },
    {
      name: 'pptx',
      version: 1,
      contentTypes: [`${officeMedia}.presentationml.presentation`],
      parse: async (bytes, context) => (await import('./office/pptx.ts')).parsePptx(bytes, context),
    },
    {
      name: 'workbook',
      version: 1,
      contentTypes: [
        `${officeMedia}.spreadsheetml.sheet`,
        'application/vnd.ms-excel',
        'application/vnd.ms-excel.sheet.binary.macroenabled.12',
        `${openDocumentMedia}.spreadsheet`,
      ],
      parse: async (bytes, context) => (await import('./office/workbook.ts')).parseWorkbook(bytes, context),
    },
    {
      name: 'open-document',
      version: 1,
      contentTypes: [`${openDocumentMedia}.text`, `${openDocumentMedia}.presentation`],
      parse: async (bytes, context) => (await import('./office/open-document.ts')).parseOpenDocument(bytes, context),
    },
    {
      name: 'epub',
      version: 1,
      contentTypes: ['application/epub+zip'],
      parse: async (bytes, context) => (await import('./office/epub.ts')).parseEpub(bytes, context),
    },
    {
      name: 'doc',
      version: 1,
      contentTypes: ['application/msword'],
      parse: async (bytes, context) => (await import('./office/doc.ts')).parseDoc(bytes, context),
    },
    {
      name: 'ppt',
      version: 1,
      contentTypes: ['application/vnd.ms-powerpoint'],
      parse: async (bytes, context) => (await import('./office/ppt.ts')).parsePpt(bytes, context),
    },
    {
      name: 'rtf',
      version: 1,
      contentTypes: ['application/rtf'],
      parse: async (bytes, context) => (await import('./rtf.ts')).parseRtf(bytes, context),
    },
  ];
}

/** What their files become depends on every other format, so that their version grows with each of theirs. */
function containerFormats(versions: number): FormatParser[] {
  return [
    {
      name: 'zip',
      version: versions + 2,
      isContainer: true,
      contentTypes: ['application/zip'],
      parse: async (bytes, context) => (await import('./archive.ts')).parseZip(bytes, context),
    },
    {
      name: 'tar',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/x-tar'],
      parse: async (bytes, context) => (await import('./archive.ts')).parseTar(bytes, context),
    },
    {
      name: 'gzip',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/gzip'],
      parse: async (bytes, context) => (await import('./archive.ts')).parseGzip(bytes, context),
    },
    {
      name: 'eml',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['message/rfc822'],
      endings: { eml: 'message/rfc822' },
      parse: async (bytes, context) => (await import('./mail/eml.ts')).parseEml(bytes, context),
    },
    {
      name: 'mbox',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/mbox'],
      endings: { mbox: 'application/mbox' },
      parse: async (bytes, context) => (await import('./mail/eml.ts')).parseMailbox(bytes, context),
    },
    {
      name: 'msg',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/vnd.ms-outlook'],
      parse: async (bytes, context) => (await import('./mail/msg.ts')).parseMsg(bytes, context),
    },
  ];
}
