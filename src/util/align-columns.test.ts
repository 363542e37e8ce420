import { describe, expect, it } from 'vitest';
import { alignColumns } from './align-columns.ts';

describe('alignColumns', () => {
  it('aligns the first column left and the others right', () => {
    expect(
      alignColumns([
        ['', 'x'],
        ['ab', '1'],
        ['c', '100'],
      ]),
    ).toBe('      x\nab    1\nc   100');
  });
});
