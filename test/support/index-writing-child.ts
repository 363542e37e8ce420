import { openForReading } from '../../src/store/sqlite/connection.ts';
import { loadUsearch } from '../../src/store/sqlite/derived-index.ts';
import { indexFolder } from '../../src/store/sqlite/reader.ts';
import { createVectorSearch } from '../../src/store/sqlite/vector-index.ts';
import { createFaultPoints } from '../../src/util/fault-points.ts';

/** Builds and writes the vector index of a small directory, as a large one would, until `MILLRACE_FAULT` ends it. */
const directory = process.argv[2] ?? '';
const connection = openForReading(directory, createFaultPoints(process.env));
const search = createVectorSearch(connection, loadUsearch(), {
  exactScanLimit: 1,
  tailLimit: 0,
  saveAfter: 1,
  folder: indexFolder(directory),
  writable: true,
});
search.rebuild();
while (search.advance());
search.save();
connection.close();
