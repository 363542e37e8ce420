import { createDocumentParser } from '../parse/pool.ts';
import { openStore } from '../store/open-store.ts';
import { createFaultPoints } from '../util/fault-points.ts';
import { systemRandom } from '../util/random.ts';
import { createFakeMill, type FakeMill, type FakeMillOptions } from './fake-mill.ts';

export interface OpenFakeMillOptions extends Omit<FakeMillOptions, 'store' | 'parser' | 'random' | 'faults'> {
  readonly directory: string;
  readonly mode?: 'write' | 'read';
  /** False parses in this process, as only measurements of its cost should. Default true. */
  readonly isolation?: boolean;
  /** `none` acknowledges before anything is on the disk, for measuring what durability costs. Default `full`. */
  readonly durability?: 'full' | 'none';
}

/**
 * A Mill over a directory on the disk, with fake engines: everything but the models is real. For tests and measurements of what does not
 * depend on a model. Faults that `MILLRACE_FAULT` names happen.
 */
export async function openFakeMill(options: OpenFakeMillOptions): Promise<FakeMill> {
  const { directory, mode = 'write', clock, durability = 'full' } = options;
  const store = await openStore({ directory, mode, clock, random: systemRandom, durability });
  return createFakeMill({
    ...options,
    store,
    random: systemRandom,
    faults: createFaultPoints(process.env),
    ...(options.isolation === false ? {} : { parser: createDocumentParser({ clock }) }),
  });
}
