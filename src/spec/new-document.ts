import type { ParsedBlock, ParsedPage } from './parser.ts';
import type { SlicedText } from './sliced-text.ts';

/** What identifies the parsed content of one version of a source; equal values share one document. */
export interface DocumentKey {
  readonly bytesSha256: string;
  readonly parser: string;
  readonly parserVersion: number;
  readonly parseOptionsHash: string;
}

export interface NewChunk {
  /** 0, 1, … inside its document. */
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly headingPath: readonly string[];
  /** Range of the header row of the table that the chunk starts inside of, where the chunk does not hold it. */
  readonly tableHeader?: { readonly start: number; readonly end: number };
  /** Tokens of the embedder. */
  readonly tokens: number;
  /** sha256 of the chunk's text. */
  readonly sha256: string;
}

export interface NewDocument extends DocumentKey {
  readonly contentType: string;
  readonly text: SlicedText;
  readonly textSha256: string;
  readonly pages: readonly ParsedPage[];
  readonly blocks: readonly ParsedBlock[];
  readonly title?: string;
  readonly author?: string;
  readonly language?: string;
  readonly createdAt?: number;
  readonly modifiedAt?: number;
  readonly warnings: readonly string[];
  readonly chunkerHash: string;
  readonly chunks: readonly NewChunk[];
}

/** A part of a long document. A block that goes on in the next portion comes there again, with its end so far. */
export type DocumentPortion = Partial<Pick<NewDocument, 'pages' | 'blocks' | 'chunks'> & { readonly text: string }>;

/** A long document on its way to the record, in portions ahead of its commit. Nothing of it is found before, nor kept when the process ends. */
export interface StagedDocument {
  /** For `commitDocument`. */
  readonly number: number;
  /** The text in order, each piece ending at a whole character; a chunk not before the text that it and its table header lie in. */
  add(portion: DocumentPortion): Promise<void>;
  /** Gives up what was added, also after its commit; a commit that is under way is undone with `E_CANCELLED`. May be repeated. */
  forget(): Promise<void>;
}
