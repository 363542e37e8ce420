import { commitLines } from '../../src/testing/store-conformance.ts';
import { systemClock } from '../../src/util/clock.ts';
import { systemRandom } from '../../src/util/random.ts';
import { openStore } from '../../src/store/open-store.ts';

/**
 * Commits documents with their vectors and says which are acknowledged, has the vector index built again and again, until it is killed.
 * The vector of chunk c has the numbers sin((c + 1) · (axis + 1) · .37).
 */
const directory = process.argv[2] ?? '';
const prefix = process.argv[3] ?? '';
const dimensions = 64;
const linesOfDocument = 400;
const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom });
let indexing: Promise<unknown> | undefined;
for (let number = 0; ; number += 1) {
  const text = Array.from({ length: linesOfDocument }, (_, line) => `document ${prefix} ${number} line ${line}`).join('\n');
  const [outcome] = await store.commit([commitLines(`${prefix}-${number}`, text)]);
  process.stdout.write(`document ${prefix}-${number}\n`);
  const vectors = (outcome?.chunks ?? []).map((chunk) => ({
    chunk,
    vector: Float32Array.from({ length: dimensions }, (_, axis) => Math.sin((chunk + 1) * (axis + 1) * 0.37)),
  }));
  await store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions, vectors }]);
  process.stdout.write(`vectors ${vectors.length}\n`);
  // From the first 5,000 vectors on there is an index, and writing it goes on beside the commits.
  if (number >= 13) indexing ??= store.rebuild().finally(() => void (indexing = undefined));
}
