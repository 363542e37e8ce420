import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createDocumentParser } from '../../src/parse/pool.ts';
import { systemClock } from '../../src/util/clock.ts';

/** Reads the files that it is given in a parser process without bubblewrap, and tells the text of each, one JSON a line. */
const parser = createDocumentParser({ clock: systemClock, concurrency: 1, isolation: 'process' });
for (const path of process.argv.slice(2)) {
  const { text } = await parser.parse({ bytes: readFileSync(path), name: basename(path) }, new AbortController().signal);
  process.stdout.write(`${JSON.stringify({ name: basename(path), text })}\n`);
}
await parser.close();
