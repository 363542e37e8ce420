import { describe, expect, it } from 'vitest';
import { readPathList } from './path-list.ts';

const paths = async (pieces: readonly (string | Uint8Array)[], separatedByNull = false, given: readonly string[] = ['-']) =>
  Array.fromAsync(
    readPathList(
      given,
      (async function* () {
        yield* pieces;
      })(),
      separatedByNull,
    ),
  );

describe('readPathList', () => {
  it('puts the lines of standard input in the place of "-", wherever its pieces end', async () => {
    const bytes = new TextEncoder().encode('docs/ü.pdf\r\n\nb c.txt\nlast');
    expect(await paths([bytes.subarray(0, 6), bytes.subarray(6)], false, ['first', '-', 'after'])).toEqual([
      'first',
      'docs/ü.pdf',
      'b c.txt',
      'last',
      'after',
    ]);
  });

  it('refuses a list separated by NUL that is said to be one of lines', async () => {
    await expect(paths(['a\0b\0'])).rejects.toMatchObject({ code: 'E_USAGE', remedy: 'Add --null.' });
  });

  it('takes names with line ends where they are separated by NUL', async () => {
    expect(await paths(['a\nb\0c\0'], true)).toEqual(['a\nb', 'c']);
  });
});
