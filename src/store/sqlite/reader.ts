import { join } from 'node:path';
import { createLanguageDetector } from '../../language/detect-language.ts';
import { createChunkCount } from './chunk-count.ts';
import type { Connection } from './connection.ts';
import { loadUsearch } from './derived-index.ts';
import { createQueries } from './queries.ts';
import type { SynchronousReader } from './queries.ts';
import { createTextSearch } from './text-search.ts';
import { createVectorSearch } from './vector-index.ts';
import type { VectorSearch } from './vector-index.ts';
import { verifyRecord } from './verify.ts';

/** Vectors after the end of the index that a process which cannot write it looks through rather than adding them for itself. */
const readerTailLimit = 20_000;

/** Where the generation files of the vector index lie. */
export function indexFolder(directory: string): string {
  return join(directory, 'index');
}

export interface Reader extends SynchronousReader {
  /** Looks whether the vector index is far behind the record; `advanceIndex` then extends it. */
  noticeNewVectors(): void;
  /** One step of the work that searches and new vectors left; false when there is none. */
  advanceIndex(): boolean;
  /** Throws the vector index away; `advanceIndex` builds it anew. */
  rebuildIndex(): void;
  /** Puts what is only in memory on the disk. */
  saveIndex(): void;
}

/** All reading methods over one handle. The vector index, where one is needed, is opened at the first vector search. */
export function createReader(
  connection: Connection,
  options: { readonly directory?: string; readonly writesIndex?: boolean } = {},
): Reader {
  const folder = options.directory === undefined ? undefined : indexFolder(options.directory);
  const chunksOf = createChunkCount(connection);
  let opened: VectorSearch | undefined;
  function vectors(): VectorSearch {
    opened ??= createVectorSearch(connection, loadUsearch(), {
      writable: options.writesIndex ?? false,
      // What a process cannot keep is not worth building for a few searches.
      ...(options.writesIndex === true ? {} : { tailLimit: readerTailLimit }),
      ...(folder === undefined ? {} : { folder }),
    });
    return opened;
  }
  return {
    ...createQueries(connection),
    searchText: createTextSearch(connection, createLanguageDetector(), chunksOf),
    countChunks: chunksOf,
    searchVectors: (vector, embedderHash, scope, limit) => vectors().search(vector, embedderHash, scope, limit),
    noticeNewVectors: () => vectors().noticeNewVectors(),
    advanceIndex: () => opened?.advance() ?? false,
    rebuildIndex: () => vectors().rebuild(),
    saveIndex: () => opened?.save(),
    verify: () =>
      verifyRecord(
        connection,
        options.directory === undefined ? {} : { indexFolder: indexFolder(options.directory), directory: options.directory },
      ),
  };
}
