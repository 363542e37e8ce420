import type { FormatParser } from '../spec/parser.ts';

/**
 * Every format that can be read; a new one is a file and an entry here. Parsers are imported when their first document comes, so
 * that the main process, which only needs names and versions, never loads them. One table per child: a parser may keep state.
 */
export function createFormatParsers(): readonly FormatParser[] {
  let pdf: Promise<FormatParser['parse']> | undefined;
  return [
    {
      name: 'plain-text',
      version: 1,
      contentTypes: ['text/plain'],
      parse: async (bytes, context) => (await import('./plain-text.ts')).parsePlainText(bytes, context),
    },
    {
      name: 'markdown',
      version: 1,
      contentTypes: ['text/markdown'],
      parse: async (bytes, context) => (await import('./markdown.ts')).parseMarkdown(bytes, context),
    },
    {
      name: 'html',
      version: 1,
      contentTypes: ['text/html'],
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
