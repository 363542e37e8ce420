import { commitLines } from '../../src/testing/store-conformance.ts';
import { systemClock } from '../../src/util/clock.ts';
import { systemRandom } from '../../src/util/random.ts';
import { openStore } from '../../src/store/open-store.ts';

/** Commits one document after another and says which are acknowledged, until it is killed. */
const directory = process.argv[2] ?? '';
const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom, readers: 1 });
for (let number = 0; ; number += 1) {
  await store.commit([commitLines(`key-${number}`, `document number ${number}\nsecond line ${number}`)]);
  process.stdout.write(`${number}\n`);
}
