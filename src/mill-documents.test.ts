import { expect, it } from 'vitest';
import { writeZip } from './parse/fixtures/write-zip.ts';
import { createFakeMill } from './testing/fake-mill.ts';
import { systemClock } from './util/clock.ts';

it('a removed container takes its files along, and nothing else', async () => {
  const mill = createFakeMill({ clock: systemClock });
  try {
    const inner = writeZip({ 'b.txt': 'The second.' });
    await mill
      .ingest([
        { id: 'box', bytes: writeZip({ 'a.txt': 'The first.', 'in.zip': inner }) },
        { id: 'box!', text: 'Beside it.' },
      ])
      .result();
    const keys = async (): Promise<string[]> => (await mill.documents.list()).sources.map(({ key }) => key);
    expect(await keys()).toEqual(['box', 'box!', 'box!/a.txt', 'box!/in.zip', 'box!/in.zip!/b.txt']);
    expect(await mill.documents.remove('box')).toBe(true);
    expect(await keys()).toEqual(['box!']);
    expect(await mill.documents.remove('box')).toBe(false);
  } finally {
    await mill.close();
  }
});
