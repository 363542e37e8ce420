import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { openForReading } from '../../src/store/sqlite/connection.ts';
import { loadUsearch } from '../../src/store/sqlite/derived-index.ts';
import { indexFolder } from '../../src/store/sqlite/reader.ts';
import { createVectorSearch } from '../../src/store/sqlite/vector-index.ts';
import { bagOfWords } from '../../src/engines/fake/embedder.ts';
import { createFakeEmbedder, openFakeMill } from '../../src/testing/index.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createSeededRandom } from '../../src/util/random.ts';

export interface ContentionOptions {
  readonly root: string;
  readonly writers: number;
  readonly documents: number;
  /** Sections of a document, each of which is about one chunk. */
  readonly sections: number;
}

export interface ContentionReport {
  /** What each process says of its call. */
  readonly ends: readonly {
    readonly indexed: number;
    readonly skipped: number;
    readonly failed: number;
    readonly longestRefusalMs: number;
  }[];
  readonly sources: number;
  readonly documents: number;
  readonly chunks: number;
  readonly embeddedChunks: number;
  readonly problems: readonly string[];
  /** Of the ten best by an exact scan, the share that the vector index finds. */
  readonly recall: number;
}

const contender = fileURLToPath(new URL('contending-child.ts', import.meta.url));
const dimensions = 64;
const queries = 50;

/**
 * Processes ingest the same documents into one directory at the same time, one of them compacting its indexes. Then a third of the documents is
 * edited and a tenth removed, and the vector index is asked beside an exact scan.
 */
export async function contend({ root, writers, documents, sections }: ContentionOptions): Promise<ContentionReport> {
  const directory = join(root, 'directory');
  const folder = join(root, 'documents');
  const random = createSeededRandom(11);
  const words = (count: number): string => Array.from({ length: count }, () => `word${Math.floor(random.float() * 500)}`).join(' ');
  const path = (number: number): string => join(folder, `${number}.md`);
  const write = (number: number): void =>
    writeFileSync(path(number), Array.from({ length: sections }, (_, section) => `# Part ${section}\n\n${words(40)}.\n`).join('\n'));
  mkdirSync(folder);
  for (let number = 0; number < documents; number += 1) write(number);
  const children = Array.from({ length: writers }, (_, writer) =>
    spawn(process.execPath, [contender, directory, folder, ...(writer === 1 ? ['compacts'] : [])], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const ends = await Promise.all(
    children.map(async (child) => JSON.parse((await text(child.stdout)).trim()) as ContentionReport['ends'][number]),
  );
  const embedder = createFakeEmbedder({ clock: systemClock, dimensions });
  const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, embedders: [embedder] });
  try {
    const [status] = (await mill.status()).collections;
    for (let number = 0; number < documents; number += 3) write(number);
    for (let number = 1; number < documents; number += 10) rmSync(path(number));
    await mill.ingest([folder], { prune: true }).result();
    const { problems } = await mill.verify();
    const { sources = 0, documents: made = 0, chunks = 0, embeddedChunks = 0 } = status ?? {};
    const recall = recallOf(
      directory,
      embedder.model.hash,
      Array.from({ length: queries }, () => words(8)),
    );
    return { ends, sources, documents: made, chunks, embeddedChunks, problems, recall };
  } finally {
    await mill.close();
  }
}

/** The index is used whatever the size of the collection, with nothing scanned beside it. */
function recallOf(directory: string, embedderHash: string, questions: readonly string[]): number {
  const connection = openForReading(directory);
  try {
    const exact = createVectorSearch(connection, undefined);
    const options = { exactScanLimit: 1, tailLimit: 0, folder: indexFolder(directory), writable: false };
    const indexed = createVectorSearch(connection, loadUsearch(), options);
    const best = (search: typeof exact, question: string): readonly number[] =>
      search.search(bagOfWords(question, dimensions), embedderHash, { collection: 'default' }, 10).map(({ chunk }) => chunk);
    indexed.noticeNewVectors();
    while (indexed.advance());
    let found = 0;
    for (const question of questions) {
      const expected = new Set(best(exact, question));
      found += best(indexed, question).filter((chunk) => expected.has(chunk)).length;
    }
    return found / (10 * questions.length);
  } finally {
    connection.close();
  }
}
