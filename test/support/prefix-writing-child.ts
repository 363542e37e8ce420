import { createPrefixFolder } from '../../src/engines/llama/prefixes/prefix-folder.ts';
import { prefixKeys } from '../../src/engines/llama/prefixes/prefix-key.ts';
import { systemClock } from '../../src/util/clock.ts';

/** Writes entries of 8 MB, one after the other, says which are there, until it is killed. Byte n of entry k is (n + k) % 251. */
const [path = '', model = ''] = process.argv.slice(2);
const folder = createPrefixFolder({ path, limitBytes: 1e12, clock: systemClock });
for (let seed = 0; ; seed += 1) {
  const [key = ''] = prefixKeys(
    Int32Array.from({ length: 20 }, (_, index) => seed * 20 + index),
    [20],
  );
  process.stdout.write(`begin ${seed}\n`);
  await folder.write(
    { model, key, tokens: 20, owners: [] },
    Uint8Array.from({ length: 8e6 }, (_, index) => (index + seed) % 251),
  );
  process.stdout.write(`there ${key}\n`);
}
