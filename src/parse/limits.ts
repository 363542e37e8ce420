const megabyte = 1024 * 1024;

/** What one child and one document may use. */
export interface ParseLimits {
  /** Largest file that is read. */
  readonly maxDocumentBytes: number;
  /** Time for a document: `baseMs + msPerMegabyte × its megabytes`, at most `maxMs`. */
  readonly deadline: { readonly baseMs: number; readonly msPerMegabyte: number; readonly maxMs: number };
  /** Time that OCR has for a page, beyond that of its document, and for all pages of one together. */
  readonly ocrMsPerPage: number;
  readonly ocrMaxMs: number;
  /** JavaScript heap of a child: `heapBase + heapPerByte × the file's bytes`, at most `maxHeap`. A larger file gets a child of its own. */
  readonly heap: { readonly baseBytes: number; readonly perByte: number; readonly maxBytes: number };
  /** Resident memory beyond the heap limit: code, WebAssembly, buffers; plus twice the file. */
  readonly residentExtraBytes: number;
  /** Documents after which a child is replaced. */
  readonly documentsPerChild: number;
  /** The same for plain texts, which are only decoded. */
  readonly plainTextsPerChild: number;
  /** A child that holds more after a document is replaced. */
  readonly retainedBytes: number;
  /** An idle child ends after this time. */
  readonly idleMs: number;
  /** How often resident memory is sampled. */
  readonly sampleMs: number;
}

export const defaultParseLimits: ParseLimits = {
  maxDocumentBytes: 1024 * megabyte,
  deadline: { baseMs: 10_000, msPerMegabyte: 2_000, maxMs: 600_000 },
  ocrMsPerPage: 60_000,
  ocrMaxMs: 2 * 60 * 60_000,
  heap: { baseBytes: 512 * megabyte, perByte: 12, maxBytes: 4096 * megabyte },
  residentExtraBytes: 256 * megabyte,
  documentsPerChild: 200,
  plainTextsPerChild: 10_000,
  retainedBytes: 256 * megabyte,
  idleMs: 30_000,
  sampleMs: 250,
};

export function documentDeadlineMs(limits: ParseLimits, bytes: number): number {
  const { baseMs, msPerMegabyte, maxMs } = limits.deadline;
  return Math.min(baseMs + msPerMegabyte * Math.ceil(bytes / megabyte), maxMs);
}

/** Small files share one size, so that they share children. */
export function childHeapBytes(limits: ParseLimits, bytes: number): number {
  const { baseBytes, perByte, maxBytes } = limits.heap;
  return bytes * perByte <= baseBytes ? baseBytes : Math.min(baseBytes + bytes * perByte, maxBytes);
}

export function childResidentBytes(limits: ParseLimits, bytes: number): number {
  return childHeapBytes(limits, bytes) + limits.residentExtraBytes + 2 * bytes;
}
