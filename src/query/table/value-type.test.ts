import { describe, expect, it } from 'vitest';
import { valueReader } from './value-type.ts';

describe('a value of type text', () => {
  const { read } = valueReader({ id: 'q', question: 'Which?' });
  it.each([
    ['items[1]', 'The first is items[1].', 'items[1]'],
    ['330 metres tall[2]', 'It stands 330 metres tall[2] and weighs more.', '330 metres tall[2]'],
    ['In 1889.[1]', 'It was completed. In 1889.[1] Since then', 'In 1889.'],
    ['48 passengers [1]', 'The ferry carries 48 passengers.', '48 passengers'],
    ['48  passengers\n[2] ', 'The ferry carries 48 passengers.', '48 passengers'],
  ])('%j over %j is %j: markers go, numbers of the document stay', (written, passage, value) => {
    expect(read(written, [passage])).toBe(value);
  });
});
