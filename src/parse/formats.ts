import type { FormatParser } from '../spec/parser.ts';

/**
 * Every format that can be read; a new one is a file and an entry here. Parsers are imported when their first document comes, so
 * that the main process, which only needs names and versions, never loads them. One table per child: a parser may keep state.
 */
export function createFormatParsers(): readonly FormatParser[] {
  const documents = documentFormats();
  return [...documents, ...containerFormats(documents.reduce((sum, { version }) => sum + version, 0))];
}

/** What their files become depends on every other format, so that their version grows with each of theirs. */
function containerFormats(versions: number): FormatParser[] {
  return [
    {
      name: 'zip',
      version: versions + 1,
      contentTypes: ['application/zip'],
      parse: async (bytes, context) => (await import('./archive.ts')).parseZip(bytes, context),
    },
    {
      name: 'tar',
      version: versions + 1,
      contentTypes: ['application/x-tar'],
      parse: async (bytes, context) => (await import('./archive.ts')).parseTar(bytes, context),
    },
    {
      name: 'gzip',
      version: versions + 1,
      contentTypes: ['application/gzip'],
      parse: async (bytes, context) => (await import('./archive.ts')).parseGzip(bytes, context),
    },
  ];
}

function documentFormats(): FormatParser[] {
  let pdf: Promise<FormatParser['parse']> | undefined;
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
      version: 1,
      contentTypes: ['text/markdown', 'text/x-markdown'],
      isText: true,
      endings: { md: 'text/markdown', markdown: 'text/markdown', mdown: 'text/markdown', mkd: 'text/markdown' },
      parse: async (bytes, context) => (await import('./markdown.ts')).parseMarkdown(bytes, context),
    },
    {
      name: 'html',
      version: 1,
      contentTypes: ['text/html', 'application/xhtml+xml'],
      isText: true,
      endings: { html: 'text/html', htm: 'text/html', xhtml: 'text/html' },
      parse: async (bytes, context) => (await import('./html.ts')).parseHtml(bytes, context),
    },
    {
      name: 'pdf',
      version: 2,
      contentTypes: ['application/pdf'],
      parse: async (bytes, context) => {
        pdf ??= import('./pdf/pdf.ts').then(({ createPdfReader }) => createPdfReader());
        return (await pdf)(bytes, context);
      },
    },
  ];
}
