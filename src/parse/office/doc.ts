import WordExtractor from 'word-extractor';
import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { openCompoundFile } from '../compound-file.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import type { DocumentProperties } from './open-package.ts';
import { summaryInformation } from './summary-information.ts';

/** The published types lack the options. */
interface WordDocument {
  getBody(options: Raw): string;
  getTextboxes(options: Raw & { readonly includeHeadersAndFooters: boolean }): string;
  getFootnotes(options: Raw): string;
  getEndnotes(options: Raw): string;
  getAnnotations(options: Raw): string;
}
interface Raw {
  readonly filterUnicode: boolean;
}

/** Documents of Word 97 to 2003: paragraphs, tables, notes and comments. Their headings look like other paragraphs. */
export const parseDoc: FormatParser['parse'] = async (bytes, { name }) => {
  if (isEncrypted(bytes)) throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is protected by a password.`);
  let document: WordDocument;
  try {
    document = await new WordExtractor().extract(Buffer.from(bytes));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} cannot be read as a Word document: ${message}.`, { cause: error });
  }
  // The library's own filter would make quotation marks ASCII.
  const raw = { filterUnicode: false };
  const builder = createDocumentBuilder();
  addBody(builder, document.getBody(raw));
  addLines(builder, document.getTextboxes({ ...raw, includeHeadersAndFooters: false }), '');
  addLines(builder, document.getFootnotes(raw), 'Note: ');
  addLines(builder, document.getEndnotes(raw), 'Note: ');
  addLines(builder, document.getAnnotations(raw), 'Comment: ');
  return { ...builder.build(), ...summaryOf(bytes), warnings: [] };
};

/** A flag in the header of the stream that holds the text. */
function isEncrypted(bytes: Uint8Array): boolean {
  try {
    const header = openCompoundFile(bytes).read('WordDocument');
    return header !== undefined && header.length > 12 && ((header[11] ?? 0) & 1) !== 0;
  } catch {
    // The library below says what is wrong.
    return false;
  }
}

function summaryOf(bytes: Uint8Array): DocumentProperties {
  try {
    return summaryInformation(openCompoundFile(bytes));
  } catch {
    // The library has read the text where this one finds no way.
    return {};
  }
}

function addBody(builder: DocumentBuilder, body: string): void {
  let rows: string[][] = [];
  function endTable(): void {
    if (rows.length > 0) builder.addTable(rows, rows.length > 1 ? 1 : 0);
    rows = [];
  }
  for (const line of printable(body).split('\n')) {
    // The cells of a row end with tabs.
    if (line.endsWith('\t') && line.trim() !== '' && line.indexOf('\t') < line.length - 1) {
      rows.push(line.slice(0, -1).split('\t'));
      continue;
    }
    endTable();
    builder.add('paragraph', line);
  }
  endTable();
}

function addLines(builder: DocumentBuilder, text: string, label: string): void {
  for (const line of printable(text).split('\n')) if (line.trim() !== '') builder.add('paragraph', label + line.trim());
}

/** Without the marks that Word keeps in its text: for pictures, fields, notes. */
function printable(text: string): string {
  return (
    text
      .replace(/\r\n?|\f|\v/g, '\n')
      // eslint-disable-next-line no-control-regex -- these marks are control characters
      .replace(/[\u0000-\u0008\u000E-\u001D\u001F]/g, '')
      .replaceAll('\u001E', '-')
  );
}
