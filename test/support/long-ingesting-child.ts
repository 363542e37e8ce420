import { openFakeMill } from '../../src/testing/index.ts';
import { systemClock } from '../../src/util/clock.ts';

/** Ingests a file into a directory with real parser processes and a fake embedder, until `MILLRACE_FAULT` ends it. */
const [, , directory = '', file = ''] = process.argv;
const mill = await openFakeMill({ directory, clock: systemClock });
await mill.ingest([file], { embed: false }).result();
await mill.close();
