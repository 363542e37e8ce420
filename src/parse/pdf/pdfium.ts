import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { init } from '@embedpdf/pdfium';

/**
 * The functions of pdfium's C API that are used, called on the WebAssembly exports directly: the package's own wrappers convert
 * and check every argument, which at three calls a character costs more than the work. Pointers and handles are numbers.
 */
export interface PdfiumFunctions {
  malloc(size: number): number;
  free(pointer: number): void;
  FPDF_LoadMemDocument(data: number, size: number, password: number): number;
  FPDF_CloseDocument(document: number): void;
  FPDF_GetLastError(): number;
  FPDF_GetPageCount(document: number): number;
  FPDF_GetMetaText(document: number, tag: number, buffer: number, size: number): number;
  FPDF_GetPageLabel(document: number, index: number, buffer: number, size: number): number;
  FPDFCatalog_GetLanguage(document: number, buffer: number, size: number): number;
  FPDF_LoadPage(document: number, index: number): number;
  FPDF_ClosePage(page: number): void;
  FPDFBitmap_CreateEx(width: number, height: number, format: number, buffer: number, stride: number): number;
  FPDFBitmap_FillRect(bitmap: number, left: number, top: number, width: number, height: number, color: number): void;
  FPDFBitmap_Destroy(bitmap: number): void;
  FPDF_RenderPageBitmap(
    bitmap: number,
    page: number,
    startX: number,
    startY: number,
    sizeX: number,
    sizeY: number,
    rotate: number,
    flags: number,
  ): void;
  FPDFPage_GetAnnotCount(page: number): number;
  /** Makes annotations and form fields part of the page; seen when the page is loaded again. 1: done, 2: nothing to do. */
  FPDFPage_Flatten(page: number, usage: number): number;
  FPDF_GetPageWidthF(page: number): number;
  FPDF_GetPageHeightF(page: number): number;
  FPDF_PageToDevice(
    page: number,
    startX: number,
    startY: number,
    sizeX: number,
    sizeY: number,
    rotate: number,
    x: number,
    y: number,
    deviceX: number,
    deviceY: number,
  ): number;
  FPDFText_LoadPage(page: number): number;
  FPDFText_ClosePage(textPage: number): void;
  FPDFText_CountChars(textPage: number): number;
  FPDFText_GetUnicode(textPage: number, index: number): number;
  FPDFText_GetLooseCharBox(textPage: number, index: number, rectangle: number): number;
  FPDFText_GetFontSize(textPage: number, index: number): number;
  FPDFText_GetFontWeight(textPage: number, index: number): number;
  FPDFText_GetFontInfo(textPage: number, index: number, buffer: number, size: number, flags: number): number;
  FPDFText_GetMatrix(textPage: number, index: number, matrix: number): number;
  FPDFText_GetCharAngle(textPage: number, index: number): number;
}

export interface Pdfium extends PdfiumFunctions {
  /** Views of the memory; it moves when it grows, so they are asked for anew after every call that may allocate. */
  bytes(): Uint8Array;
  floats(): Float32Array;
  integers(): Int32Array;
}

/** Codes of `FPDF_GetLastError`. */
export const pdfiumError = { file: 2, format: 3, password: 4, security: 5 } as const;

/** A fresh instance: about 20 MB. Never shared between processes, used for one document at a time. */
export async function loadPdfium(): Promise<Pdfium> {
  const wasm = await readFile(fileURLToPath(import.meta.resolve('@embedpdf/pdfium/pdfium.wasm')));
  const { pdfium: module, PDFiumExt_Init: initialise } = await init({ wasmBinary: new Uint8Array(wasm).buffer });
  initialise();
  const functions = module.wasmExports as unknown as PdfiumFunctions;
  const memory = module as unknown as { readonly HEAPU8: Uint8Array; readonly HEAPF32: Float32Array; readonly HEAP32: Int32Array };
  const views = { bytes: () => memory.HEAPU8, floats: () => memory.HEAPF32, integers: () => memory.HEAP32 };
  return { ...functions, ...views };
}

/** Runs `use` with `size` bytes of pdfium's memory and frees them whatever happens. Throws `RangeError` when there is no memory. */
export function withMemory<Result>(pdfium: Pdfium, size: number, use: (pointer: number) => Result): Result {
  const pointer = pdfium.malloc(Math.max(size, 8));
  if (pointer === 0) throw new RangeError(`pdfium has no memory for ${size} bytes.`);
  try {
    return use(pointer);
  } finally {
    pdfium.free(pointer);
  }
}

/** A string that pdfium writes as UTF-16LE with a final zero; called once for its length and once for the text. */
export function readUtf16(pdfium: Pdfium, write: (buffer: number, size: number) => number): string | undefined {
  const size = write(0, 0);
  if (size <= 2 || size > 65_536) return undefined;
  const text = withMemory(pdfium, size, (buffer) => {
    write(buffer, size);
    return Buffer.from(pdfium.bytes().slice(buffer, buffer + size - 2)).toString('utf16le');
  }).trim();
  return text === '' ? undefined : text;
}

/** True for a trap or an abort inside pdfium, after which its memory cannot be trusted. */
export function isPdfiumFault(error: unknown): error is Error {
  return error instanceof Error && error.name === 'RuntimeError';
}
