import type { FormatParser } from '../spec/parser.ts';
import { sourceCodeType } from '../spec/source-code-type.ts';
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

/** Asks for its module once: to import one that is there already takes as long as to read a small text. */
function lazily(load: () => Promise<FormatParser['parse']>): FormatParser['parse'] {
  let loaded: Promise<FormatParser['parse']> | undefined;
  return async (bytes, context) => {
    loaded ??= load();
    return (await loaded)(bytes, context);
  };
}

type PartsOf = NonNullable<FormatParser['parseInParts']>;

/** The same for what gives a document in parts. */
function partsLazily(load: () => Promise<PartsOf>): PartsOf {
  return async function* parseInParts(bytes, context) {
    const parse = await load();
    return yield* parse(bytes, context);
  };
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
      parse: lazily(async () => (await import('./plain-text.ts')).parsePlainText),
      parseInParts: partsLazily(async () => (await import('./plain-text.ts')).parsePlainTextInParts),
    },
    {
      name: 'markdown',
      version: 3,
      contentTypes: ['text/markdown', 'text/x-markdown'],
      isText: true,
      endings: { md: 'text/markdown', markdown: 'text/markdown', mdown: 'text/markdown', mkd: 'text/markdown' },
      parse: lazily(async () => (await import('./markdown.ts')).parseMarkdown),
      parseInParts: partsLazily(async () => (await import('./markdown.ts')).parseMarkdownInParts),
    },
    {
      name: 'html',
      version: 4,
      contentTypes: ['text/html', 'application/xhtml+xml'],
      isText: true,
      endings: { html: 'text/html', htm: 'text/html', xhtml: 'text/html' },
      parse: lazily(async () => (await import('./html.ts')).parseHtml),
    },
    {
      name: 'csv',
      version: 1,
      contentTypes: ['text/csv', 'text/tab-separated-values'],
      isText: true,
      endings: { csv: 'text/csv', tsv: 'text/tab-separated-values' },
      parse: lazily(async () => (await import('./data/csv.ts')).parseCsv),
      parseInParts: partsLazily(async () => (await import('./data/csv.ts')).parseCsvInParts),
    },
    {
      name: 'json',
      version: 1,
      contentTypes: ['application/json', 'application/ld+json'],
      isText: true,
      endings: { json: 'application/json', jsonld: 'application/ld+json' },
      parse: lazily(async () => (await import('./data/json.ts')).parseJson),
    },
    {
      name: 'json-lines',
      version: 1,
      contentTypes: ['application/x-ndjson', 'application/jsonl'],
      isText: true,
      endings: { jsonl: 'application/x-ndjson', ndjson: 'application/x-ndjson' },
      parse: lazily(async () => (await import('./data/json-lines.ts')).parseJsonLines),
      parseInParts: partsLazily(async () => (await import('./data/json-lines.ts')).parseJsonLinesInParts),
    },
    {
      name: 'xml',
      version: 1,
      contentTypes: ['application/xml', 'text/xml', 'image/svg+xml', 'application/rss+xml', 'application/atom+xml'],
      isText: true,
      endings: { xml: 'application/xml', svg: 'image/svg+xml', rss: 'application/rss+xml', atom: 'application/atom+xml' },
      parse: lazily(async () => (await import('./data/xml.ts')).parseXmlDocument),
    },
    {
      name: 'subtitles',
      version: 1,
      contentTypes: ['text/vtt', 'application/x-subrip'],
      isText: true,
      endings: { vtt: 'text/vtt', srt: 'application/x-subrip' },
      parse: lazily(async () => (await import('./data/subtitles.ts')).parseSubtitles),
    },
    {
      name: 'source-code',
      version: 1,
      contentTypes: [sourceCodeType],
      isText: true,
      endings: sourceCodeEndings,
      parse: lazily(async () => (await import('./data/source-code.ts')).parseSourceCode),
      parseInParts: partsLazily(async () => (await import('./data/source-code.ts')).parseSourceCodeInParts),
    },
  ];
}

function binaryFormats(): FormatParser[] {
  const ocrOf = createOcrs();
  return [
    {
      name: 'pdf',
      version: 5,
      contentTypes: ['application/pdf'],
      parse: lazily(async () => (await import('./pdf/pdf.ts')).createPdfReader(ocrOf)),
    },
    {
      name: 'image',
      version: 1,
      contentTypes: ['image/png', 'image/jpeg', 'image/bmp', 'image/tiff', 'image/webp'],
      parse: lazily(async () => (await import('./ocr/image.ts')).createImageReader(ocrOf)),
    },
    {
      name: 'docx',
      version: 1,
      contentTypes: [`${officeMedia}.wordprocessingml.document`],
      parse: lazily(async () => (await import('./office/docx.ts')).parseDocx),
    },
    {
      name: 'pptx',
      version: 1,
      contentTypes: [`${officeMedia}.presentationml.presentation`],
      parse: lazily(async () => (await import('./office/pptx.ts')).parsePptx),
    },
    {
      name: 'workbook',
      version: 2,
      contentTypes: [
        `${officeMedia}.spreadsheetml.sheet`,
        'application/vnd.ms-excel',
        'application/vnd.ms-excel.sheet.binary.macroenabled.12',
        `${openDocumentMedia}.spreadsheet`,
      ],
      parse: lazily(async () => (await import('./office/workbook.ts')).parseWorkbook),
    },
    {
      name: 'open-document',
      version: 2,
      contentTypes: [`${openDocumentMedia}.text`, `${openDocumentMedia}.presentation`],
      parse: lazily(async () => (await import('./office/open-document.ts')).parseOpenDocument),
    },
    {
      name: 'epub',
      version: 1,
      contentTypes: ['application/epub+zip'],
      parse: lazily(async () => (await import('./office/epub.ts')).parseEpub),
    },
    {
      name: 'doc',
      version: 2,
      contentTypes: ['application/msword'],
      parse: lazily(async () => (await import('./office/doc.ts')).parseDoc),
    },
    {
      name: 'ppt',
      version: 2,
      contentTypes: ['application/vnd.ms-powerpoint'],
      parse: lazily(async () => (await import('./office/ppt.ts')).parsePpt),
    },
    {
      name: 'rtf',
      version: 1,
      contentTypes: ['application/rtf'],
      parse: lazily(async () => (await import('./rtf.ts')).parseRtf),
    },
  ];
}

/** What their files become depends on every other format, so that their version grows with each of theirs. */
function containerFormats(versions: number): FormatParser[] {
  return [
    {
      name: 'zip',
      version: versions + 4,
      isContainer: true,
      contentTypes: ['application/zip'],
      parse: lazily(async () => (await import('./archive.ts')).parseZip),
    },
    {
      name: 'tar',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/x-tar'],
      parse: lazily(async () => (await import('./archive.ts')).parseTar),
    },
    {
      name: 'gzip',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/gzip'],
      parse: lazily(async () => (await import('./archive.ts')).parseGzip),
    },
    {
      name: 'eml',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['message/rfc822'],
      endings: { eml: 'message/rfc822' },
      parse: lazily(async () => (await import('./mail/eml.ts')).parseEml),
    },
    {
      name: 'mbox',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/mbox'],
      endings: { mbox: 'application/mbox' },
      parse: lazily(async () => (await import('./mail/eml.ts')).parseMailbox),
    },
    {
      name: 'msg',
      version: versions + 1,
      isContainer: true,
      contentTypes: ['application/vnd.ms-outlook'],
      parse: lazily(async () => (await import('./mail/msg.ts')).parseMsg),
    },
  ];
}
