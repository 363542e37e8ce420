import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { composeDocument } from '../pdf/compose-document.ts';
import { toPageWords } from './read-words.ts';
import { type Ocr, ocrRemedy, ocrWarning } from './tesseract.ts';

/** Scans are taken at 200 dots an inch or so. */
const pointsPerPixel = 72 / 200;

/** Images of pages, where OCR is installed. */
export function createImageReader(ocrOf: (language: string) => Promise<Ocr>): FormatParser['parse'] {
  return async (bytes, { name, ocr: language }) => {
    if (language === undefined) {
      throw new MillraceError('E_DOCUMENT_UNSUPPORTED', `${name} is an image. Its text can only be read by OCR, which is not installed.`, {
        remedy: ocrRemedy(),
        details: { scannedPages: 1 },
      });
    }
    const image = (await ocrOf(language)).read(bytes);
    return {
      ...composeDocument([toPageWords(image, pointsPerPixel)], () => undefined),
      warnings: [ocrWarning([image.confidence])],
    };
  };
}
