import type { Metadata } from '../spec/identifiers.ts';
import type { NewDocument, StoreOperation } from '../spec/store.ts';
import { sha256 } from '../util/hash.ts';

/** A document whose chunks are its lines. Equal text gives an equal document. */
export function lineDocument(text: string, options: { readonly chunkerHash?: string } = {}): NewDocument {
  const chunks: NewDocument['chunks'][number][] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    const end = start + line.length;
    chunks.push({ number: chunks.length, start, end, headingPath: ['Top'], tokens: 4, sha256: sha256(line) });
    start = end + 1;
  }
  return {
    bytesSha256: sha256(`bytes of ${text}`),
    parser: 'lines',
    parserVersion: 1,
    parseOptionsHash: 'none',
    contentType: 'text/plain',
    text,
    textSha256: sha256(text),
    pages: [{ number: 1, label: 'i', start: 0, end: text.length, boxes: Uint32Array.of(0, 1, 2, 3, 4, 5) }],
    blocks: [{ kind: 'paragraph', start: 0, end: text.length }],
    warnings: [],
    chunkerHash: options.chunkerHash ?? 'by-line',
    chunks,
  };
}

/** The operation that commits `text` under `key`. */
export function commitLines(key: string, text: string, metadata: Metadata = {}, chunkerHash = 'by-line'): StoreOperation {
  const source = { key, uri: `file:///${key}`, metadata };
  return { type: 'commitDocument', collection: 'main', source, document: lineDocument(text, { chunkerHash }), at: 1 };
}
