import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from './errors.ts';
import { loadFormatModules } from './parse/format-modules.ts';
import { isOcrInstalled, ocrRemedy } from './parse/ocr/tesseract.ts';
import { createDocumentParser } from './parse/pool.ts';
import type { DocumentParser } from './spec/parser.ts';
import { systemClock } from './util/clock.ts';

export interface OpenParserOptions {
  /** Parser processes. Default: cores − 1, at most 4. */
  readonly concurrency?: number;
  /** Modules with formats of your own, as the option `formats` of `open`. */
  readonly formats?: readonly string[];
  /**
   * Language of the OCR that reads scans and images, for example "deu". Default "eng" where `tesseract.js-core` and `@tesseract.js-data/eng`
   * are installed beside millrace, else none. `false`: none.
   */
  readonly ocr?: string | false;
  readonly workingDirectory?: string;
}

/**
 * Opens the parsers by themselves, in their isolated processes: for programs that bring their own record, and for measuring.
 * @throws MillraceError E_INPUT_INVALID for a module of formats that cannot be loaded, and for OCR that is not installed
 */
export async function openParser(options: OpenParserOptions = {}): Promise<DocumentParser> {
  const modules = (options.formats ?? []).map((path) => moduleUrl(path, options.workingDirectory ?? process.cwd()));
  const ocr = ocrLanguage(options.ocr);
  return createDocumentParser({
    ...(ocr === undefined ? {} : { ocr }),
    clock: systemClock,
    formats: await loadFormatModules(modules),
    formatModules: modules,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
  });
}

function ocrLanguage(wanted: string | false | undefined): string | undefined {
  if (wanted === false) return undefined;
  if (wanted === undefined) return isOcrInstalled('eng') ? 'eng' : undefined;
  if (/^[a-z_]{3,20}$/.test(wanted) && isOcrInstalled(wanted)) return wanted;
  throw new MillraceError('E_INPUT_INVALID', `OCR in the language "${wanted}" is not installed.`, { remedy: ocrRemedy(wanted) });
}

function moduleUrl(path: string, workingDirectory: string): string {
  return path.startsWith('file:') ? path : pathToFileURL(resolve(workingDirectory, path)).href;
}
