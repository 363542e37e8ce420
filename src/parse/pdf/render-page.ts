import { type Pdfium, withMemory } from './pdfium.ts';

/** Pixels of a page at most: 300 dots an inch up to a size between A4 and A3. */
const maxPixels = 16_000_000;
const dotsPerInch = 300;

export interface RenderedPage {
  /** PNM, 8 bits of grey. */
  readonly image: Uint8Array;
  readonly pointsPerPixel: number;
}

/** A page as an image, for OCR. `undefined` where pdfium refuses it. */
export function renderPage(pdfium: Pdfium, document: number, index: number): RenderedPage | undefined {
  const page = pdfium.FPDF_LoadPage(document, index);
  if (page === 0) return undefined;
  try {
    const points = { width: pdfium.FPDF_GetPageWidthF(page), height: pdfium.FPDF_GetPageHeightF(page) };
    const scale = Math.min(dotsPerInch / 72, Math.sqrt(maxPixels / Math.max(points.width * points.height, 1)));
    const width = Math.max(1, Math.round(points.width * scale));
    const height = Math.max(1, Math.round(points.height * scale));
    return withMemory(pdfium, width * height, (buffer) => {
      const grey = 1;
      const bitmap = pdfium.FPDFBitmap_CreateEx(width, height, grey, buffer, width);
      if (bitmap === 0) return undefined;
      try {
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xffffffff);
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, 0);
        const head = Buffer.from(`P5 ${width} ${height} 255\n`, 'latin1');
        return { image: Buffer.concat([head, pdfium.bytes().subarray(buffer, buffer + width * height)]), pointsPerPixel: 1 / scale };
      } finally {
        pdfium.FPDFBitmap_Destroy(bitmap);
      }
    });
  } finally {
    pdfium.FPDF_ClosePage(page);
  }
}
