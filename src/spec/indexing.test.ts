import { expect, it } from 'vitest';
import { describeIndexing } from './indexing.ts';

const begun = { state: 'running', found: 0, allFound: false, settled: 0, chunks: 5, embeddedChunks: 5 };
const noted = { state: 'running', found: 9, allFound: false, settled: 4, chunks: 8, embeddedChunks: 3 };
const again = 'Run "millrace ingest" again to go on.';

it.each([
  ['has just begun', begun, 'The collection is still being indexed.'],
  ['was killed before it noted anything', { ...begun, state: 'interrupted' }, `Indexing of the collection was interrupted. ${again}`],
  ['is at work', noted, 'The collection is still being indexed: 4 of 9 or more sources are read, 3 of 8 passages can be found by meaning.'],
  [
    'was killed after a note',
    { ...noted, state: 'interrupted' },
    `Indexing of the collection was interrupted; shortly before, 4 of 9 or more sources were read and 3 of 8 passages could be found by meaning. ${again}`,
  ],
  [
    'was stopped',
    { ...noted, state: 'interrupted', allFound: true, final: true },
    `Indexing of the collection was interrupted: 4 of 9 sources are read, 3 of 8 passages can be found by meaning. ${again}`,
  ],
  ['has done all there was', { ...noted, allFound: true, settled: 9, embeddedChunks: 8 }, undefined],
  ['never was', null, undefined],
])('of an ingestion that %s is told what is true', (_name, value, told) => {
  expect(describeIndexing(value)).toBe(told);
});
