import { MillraceError } from '../../errors.ts';
import type { FormatParser, ParsedBlock, ParsedPage } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { joinContinued } from './continued-paragraphs.ts';
import { documentStyle, pageBlocks } from './page-blocks.ts';
import { createPageText } from './page-text.ts';
import { type PageWords, readPageWords } from './page-words.ts';
import { isPdfiumFault, loadPdfium, type Pdfium, pdfiumError, readUtf16, withMemory } from './pdfium.ts';
import { type Line, readingOrder } from './reading-order.ts';
import { runningLines } from './running-lines.ts';

/** Keeps one pdfium for all documents of the process; a new one is made after a fault inside it. */
export function createPdfReader(): FormatParser['parse'] {
  let instance: Promise<Pdfium> | undefined;
  return async (bytes, { name }) => {
    instance ??= loadPdfium();
    const pdfium = await instance;
    try {
      return readPdf(pdfium, bytes, name);
    } catch (error) {
      if (isPdfiumFault(error)) {
        // Its memory can no longer be trusted.
        instance = undefined;
        throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is a PDF that pdfium cannot process: ${error.message}.`, { cause: error });
      }
      throw error;
    }
  };
}

type Content = Awaited<ReturnType<FormatParser['parse']>>;

function readPdf(pdfium: Pdfium, bytes: Uint8Array, name: string): Content {
  return withMemory(pdfium, bytes.length, (data) => {
    pdfium.bytes().set(bytes, data);
    const document = pdfium.FPDF_LoadMemDocument(data, bytes.length, 0);
    if (document === 0) throw openError(pdfium.FPDF_GetLastError(), name);
    try {
      return readDocument(pdfium, document, name);
    } finally {
      pdfium.FPDF_CloseDocument(document);
    }
  });
}

function openError(code: number, name: string): MillraceError {
  if (code === pdfiumError.password) {
    return new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is a PDF that opens only with a password.`);
  }
  if (code === pdfiumError.security) {
    return new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is a PDF protected by a method that pdfium does not know.`);
  }
  return new MillraceError('E_DOCUMENT_DAMAGED', `${name} is not a complete PDF: its structure cannot be read.`);
}

function readDocument(pdfium: Pdfium, document: number, name: string): Content {
  const count = pdfium.FPDF_GetPageCount(document);
  const words: PageWords[] = [];
  const lines: Line[][] = [];
  const unreadable: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const page = readPage(pdfium, document, index);
    if (page === undefined) unreadable.push(index + 1);
    words.push(page ?? emptyPage);
    lines.push(readingOrder(page ?? emptyPage));
  }
  const withoutText = words.filter((page) => page.texts.length === 0).length - unreadable.length;
  if (withoutText + unreadable.length === count) throw noText(name, count, unreadable.length);

  const pageText = createPageText(words);
  const placed = words.map((page, index) => ({
    height: page.height,
    lines: (lines[index] ?? []).map((line) => ({ line, text: pageText.lineText(page, line) })),
  }));
  const running = runningLines(placed);
  const body = placed.map((page) => page.lines.filter(({ line }) => !running.has(line)));
  const style = documentStyle(
    body.map((pageLines) => pageLines.map(({ line }) => line)),
    body.map((pageLines, page) => pageLines.map(({ line }) => letters(words[page] ?? emptyPage, line))),
  );
  const parts: string[] = [];
  const pages: ParsedPage[] = [];
  const blocks: ParsedBlock[] = [];
  let length = 0;
  for (const [index, page] of words.entries()) {
    if (length > 0) {
      parts.push('\n\n');
      length += 2;
    }
    const written = pageText.write(page, pageBlocks(body[index] ?? [], style), length);
    const label = readUtf16(pdfium, (buffer, size) => pdfium.FPDF_GetPageLabel(document, index, buffer, size));
    parts.push(written.text);
    blocks.push(...written.blocks);
    pages.push({
      number: index + 1,
      ...(label === undefined ? {} : { label: canonicalText(label) }),
      start: length,
      end: length + written.text.length,
      width: page.width,
      height: page.height,
      boxes: written.boxes,
    });
    length += written.text.length;
  }
  const warnings: string[] = [];
  if (withoutText > 0) warnings.push(`${withoutText} of ${count} pages ${withoutText === 1 ? 'has' : 'have'} no text layer.`);
  if (unreadable.length > 0) warnings.push(`${unreadable.length} of ${count} pages cannot be read: ${unreadable.slice(0, 10).join(', ')}.`);
  const text = parts.join('');
  return { text, pages, blocks: joinContinued(text, pages, blocks), ...metadata(pdfium, document), warnings };
}

const emptyPage: PageWords = {
  width: 0,
  height: 0,
  texts: [],
  boxes: new Float32Array(0),
  sizes: new Float32Array(0),
  flags: new Uint8Array(0),
};

/** `undefined` for a page that pdfium refuses; the others are still read. A fault inside pdfium ends the document. */
function readPage(pdfium: Pdfium, document: number, index: number): PageWords | undefined {
  try {
    return readPageWords(pdfium, document, index);
  } catch (error) {
    if (isPdfiumFault(error) || error instanceof RangeError) throw error;
    return undefined;
  }
}

function noText(name: string, count: number, unreadable: number): MillraceError {
  if (count === 0) return new MillraceError('E_DOCUMENT_DAMAGED', `${name} is a PDF without pages.`);
  if (unreadable === count) return new MillraceError('E_DOCUMENT_DAMAGED', `None of the ${count} pages of ${name} can be read.`);
  const pages = count === 1 ? 'its page is an image' : `its ${count} pages are images`;
  return new MillraceError('E_DOCUMENT_EMPTY', `${name} has no text layer: ${pages} or empty.`, { details: { pages: count } });
}

function letters(page: PageWords, line: Line): number {
  return line.words.reduce((sum, word) => sum + (page.texts[word]?.length ?? 0), 0);
}

function metadata(pdfium: Pdfium, document: number): Pick<Content, 'title' | 'author' | 'language' | 'createdAt' | 'modifiedAt'> {
  function meta(tag: string): string | undefined {
    return withMemory(pdfium, tag.length + 1, (pointer) => {
      pdfium.bytes().set(Buffer.from(`${tag}\0`, 'latin1'), pointer);
      const value = readUtf16(pdfium, (buffer, size) => pdfium.FPDF_GetMetaText(document, pointer, buffer, size));
      return value === undefined ? undefined : canonicalText(value).trim() || undefined;
    });
  }
  const title = meta('Title');
  const author = meta('Author');
  const language = readUtf16(pdfium, (buffer, size) => pdfium.FPDFCatalog_GetLanguage(document, buffer, size));
  const createdAt = pdfTime(meta('CreationDate'));
  const modifiedAt = pdfTime(meta('ModDate'));
  return {
    ...(title === undefined ? {} : { title }),
    ...(author === undefined ? {} : { author }),
    ...(language === undefined || !/^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/.test(language) ? {} : { language }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

/** "D:20240131093000+01'00'" as ms UTC. Without a zone it is taken as UTC. */
export function pdfTime(value: string | undefined): number | undefined {
  const match = /^D?:?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:([+-])(\d{2})'?(\d{2})?)?/.exec(value ?? '');
  if (match === null) return undefined;
  const [, year, month = '01', day = '01', hour = '00', minute = '00', second = '00', sign, zoneHours = '00', zoneMinutes = '00'] = match;
  const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const offset = (sign === '-' ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  return sign === undefined ? local : local - offset;
}
