import { describe, it } from 'vitest';
import { createFakeMill } from './testing/fake-mill.ts';
import { describeMillConformance } from './testing/mill-conformance.ts';
import { systemClock } from './util/clock.ts';

describeMillConformance({ describe, it }, 'a Mill over fakes', async () => {
  const mill = createFakeMill({ clock: systemClock });
  return { mill, close: () => mill.close() };
});
