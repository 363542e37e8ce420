import type { Connection } from './connection.ts';
import { loadUsearch } from './derived-index.ts';
import { indexStem, listIndexStems, newestGeneration } from './index-generation.ts';
import type { IndexGeneration } from './index-generation.ts';
import { sha256 } from '../../util/hash.ts';

const rowsAtATime = 1_000;

/** Rows up to the end of the generation that it lacks, and what it holds beyond the record. */
function* compareGeneration(connection: Connection, generation: IndexGeneration): Generator<string> {
  const library = loadUsearch();
  if (library === undefined) return;
  const { collection, embedderHash, dimensions, last, path } = generation;
  const { Index, MetricKind, ScalarKind } = library;
  const index = new Index({
    dimensions,
    metric: MetricKind.Cos,
    quantization: ScalarKind.F16,
    connectivity: 0,
    expansion_add: 0,
    expansion_search: 0,
    multi: false,
  });
  try {
    index.view(path);
  } catch (error) {
    yield `The vector index ${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}.`;
    return;
  }
  const rows = connection.prepare(
    'SELECT number, chunk FROM vectors WHERE collection = ? AND embedder_hash = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?',
  );
  let present = 0;
  for (let after = 0; ;) {
    const page = rows.all(collection, embedderHash, after, last, rowsAtATime) as { readonly number: number; readonly chunk: number }[];
    if (page.length === 0) break;
    const found = index.contains(BigUint64Array.from(page, (row) => BigInt(row.chunk)));
    const flags = Array.isArray(found) ? found : [found];
    for (const [place, row] of page.entries()) {
      if (flags[place] === true) present += 1;
      else yield `Chunk ${row.chunk} is missing from the vector index ${path}.`;
    }
    after = page.at(-1)?.number ?? last;
  }
  const vectorOf = connection.prepare('SELECT vector FROM vectors WHERE chunk = ? AND embedder_hash = ?');
  for (const witness of generation.witnesses) {
    const row = vectorOf.get(witness.chunk, embedderHash) as { readonly vector: Uint8Array } | undefined;
    if (row !== undefined && sha256(row.vector) !== witness.sha256) yield `The vector of chunk ${witness.chunk} is not the one in ${path}.`;
  }
  // Entries of removed chunks stay until the index is made anew, and no search returns them: only those of no committed chunk are wrong.
  const sequence = connection.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'chunks'`).get() as
    | { readonly seq: number }
    | undefined;
  if (index.size() !== generation.count) yield `The vector index ${path} holds ${index.size()} entries instead of ${generation.count}.`;
  if (generation.highestChunk > (sequence?.seq ?? 0) || present > index.size()) {
    yield `The vector index ${path} holds chunks up to ${generation.highestChunk}, which were never in this record.`;
  }
}

/** One sentence for each difference between the record and the files of the vector index. */
export function* compareVectorIndex(connection: Connection, folder: string): Generator<string> {
  const pairs = connection.prepare('SELECT DISTINCT collection, embedder_hash AS embedderHash FROM vectors').all() as {
    readonly collection: string;
    readonly embedderHash: string;
  }[];
  const known = new Set(pairs.map((pair) => indexStem(pair.collection, pair.embedderHash)));
  for (const stem of listIndexStems(folder)) {
    const { found, problems } = newestGeneration(folder, stem);
    yield* problems;
    // The files of a collection whose last vector was removed are no fault: no search opens them.
    if (found !== undefined && known.has(stem)) yield* compareGeneration(connection, found);
  }
}
