import { MillraceError } from '../../src/errors.ts';
import { commitLines } from '../../src/testing/store-conformance.ts';
import { systemClock } from '../../src/util/clock.ts';
import { systemRandom } from '../../src/util/random.ts';
import { openStore } from '../../src/store/open-store.ts';

/** Commits one document after another, `count` of them or until it is killed, and says which are acknowledged and which fail with what. */
const [directory = '', count = 'Infinity'] = process.argv.slice(2);
const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom, readers: 1 });
for (let number = 0; number < Number(count); number += 1) {
  try {
    await store.commit([commitLines(`key-${number}`, `document number ${number}\nsecond line ${number}`)]);
    process.stdout.write(`${number}\n`);
  } catch (error) {
    process.stdout.write(`failed ${error instanceof MillraceError ? error.code : String(error)}\n`);
  }
}
await store.close().catch(() => undefined);
