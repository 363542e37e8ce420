import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { toPageWords } from '../ocr/read-words.ts';
import { type Ocr, ocrRemedy, ocrWarning } from '../ocr/tesseract.ts';
import { composeDocument, emptyPage } from './compose-document.ts';
import { type PageWords, readPageWords } from './page-words.ts';
import { isPdfiumFault, loadPdfium, type Pdfium, pdfiumError, readUtf16, withMemory } from './pdfium.ts';
import { renderPage } from './render-page.ts';

/**
 * Keeps one pdfium for all documents of the process; a new one is made after a fault inside it. Pages without a text layer are read by
 * the OCR of the language that is asked for.
 */
export function createPdfReader(ocrOf: (language: string) => Promise<Ocr>): FormatParser['parse'] {
  let instance: Promise<Pdfium> | undefined;
  return async (bytes, { name, ocr: language }) => {
    instance ??= loadPdfium();
    const pdfium = await instance;
    const ocr = language === undefined ? undefined : await ocrOf(language);
    try {
      return readPdf(pdfium, bytes, name, ocr);
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

function readPdf(pdfium: Pdfium, bytes: Uint8Array, name: string, ocr: Ocr | undefined): Content {
  return withMemory(pdfium, bytes.length, (data) => {
    pdfium.bytes().set(bytes, data);
    const document = pdfium.FPDF_LoadMemDocument(data, bytes.length, 0);
    if (document === 0) throw openError(pdfium.FPDF_GetLastError(), name);
    try {
      const count = pdfium.FPDF_GetPageCount(document);
      if (count > bytes.length) {
        throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} says that it has ${count} pages, which is more than it has bytes.`);
      }
      return readDocument(pdfium, document, name, ocr);
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

function readDocument(pdfium: Pdfium, document: number, name: string, ocr: Ocr | undefined): Content {
  const count = pdfium.FPDF_GetPageCount(document);
  const words: PageWords[] = [];
  const unreadable: number[] = [];
  const confidences: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const page = readPage(pdfium, document, index);
    if (page === undefined) unreadable.push(index + 1);
    const isScan = page !== undefined && page.texts.length === 0;
    const scan = isScan && ocr !== undefined ? readScan(pdfium, document, index, ocr) : undefined;
    if (scan !== undefined) confidences.push(scan.confidence);
    words.push(scan?.words ?? page ?? emptyPage);
  }
  const withoutText = words.filter((page) => page.texts.length === 0).length - unreadable.length;
  if (withoutText + unreadable.length === count) throw noText(name, count, unreadable.length);

  const warnings: string[] = [];
  if (confidences.length > 0) warnings.push(ocrWarning(confidences));
  if (withoutText > 0) warnings.push(`${withoutText} of ${count} pages ${withoutText === 1 ? 'has' : 'have'} no text layer.`);
  if (unreadable.length > 0) warnings.push(`${unreadable.length} of ${count} pages cannot be read: ${unreadable.slice(0, 10).join(', ')}.`);
  const labelOf = (index: number): string | undefined =>
    readUtf16(pdfium, (buffer, size) => pdfium.FPDF_GetPageLabel(document, index, buffer, size));
  return {
    ...composeDocument(words, labelOf),
    ...metadata(pdfium, document),
    warnings,
    ...(withoutText > 0 && ocr === undefined ? { scannedPages: withoutText } : {}),
  };
}

/** `undefined` where the page holds nothing that can be read. */
function readScan(pdfium: Pdfium, document: number, index: number, ocr: Ocr): { words: PageWords; confidence: number } | undefined {
  const rendered = renderPage(pdfium, document, index);
  const read = rendered === undefined ? undefined : ocr.read(rendered.image);
  if (rendered === undefined || read === undefined || read.words.length === 0) return undefined;
  return { words: toPageWords(read, rendered.pointsPerPixel), confidence: read.confidence };
}

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
  return new MillraceError('E_DOCUMENT_EMPTY', `${name} has no text layer: ${pages} or empty.`, {
    details: { pages: count, scannedPages: count - unreadable },
    remedy: `Nothing to do if that is expected. ${ocrRemedy()}`,
  });
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
