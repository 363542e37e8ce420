import { expect, it } from 'vitest';
import { tableGrid } from './table-grid.ts';

it('lays out more rows than a call takes arguments', () => {
  const rows = Array.from({ length: 200_000 }, (_, number) => [{ text: `${number}` }, { text: 'x', columns: number === 7 ? 2 : 1 }]);
  const grid = tableGrid(rows);
  expect(grid).toHaveLength(200_000);
  expect(grid[7]).toEqual(['7', 'x', 'x']);
});
