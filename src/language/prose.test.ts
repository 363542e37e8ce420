import { describe, expect, it } from 'vitest';
import { proseOf } from './prose.ts';

const known = new Set(['est', 'il', 'ont', 'ils']);
const wordsOf = (text: string): readonly string[] => proseOf(text, (part) => known.has(part)).words.map(({ word }) => word);

describe('proseOf', () => {
  it('leaves out what is written as identifiers, calls, paths and addresses are', () => {
    expect(wordsOf('The row parse_row(x) of src/query/rows.ts, see https://mill.example/de and getName or items[at] here.')).toEqual(
      'The row of see and or here'.split(' '),
    );
  });

  it('leaves out lines of code and counts their pieces', () => {
    const code = 'let de = 1, la = 2;\nif (de > la) la = de;\nreturn { de, la };';
    expect(proseOf(code, () => false).words).toEqual([]);
    expect(proseOf(code, () => false).codePieces).toBeGreaterThan(10);
    expect(wordsOf('A line that stays; with the end of a clause;')).toHaveLength(10);
  });

  it('takes the parts of a compound only where each is a word', () => {
    expect(wordsOf('Est-il plein? Une barre non-lisse ob/ob.')).toEqual(['Est', 'il', 'plein', 'Une', 'barre', 'non-lisse', 'ob/ob']);
  });

  it('tells what is elided and what begins a sentence', () => {
    const { words } = proseOf("J. B. Allen a vu l'eau. Elle est là: (Oui)\n- Non", () => false);
    expect(words.filter(({ elided }) => elided).map(({ word }) => word)).toEqual(['l']);
    expect(words.filter(({ first }) => first).map(({ word }) => word)).toEqual(['J', 'Elle', 'Oui', 'Non']);
  });

  it('finds no word in encoded data', () => {
    const encoded = Buffer.from('The mill grinds what the river brings, day and night.'.repeat(40)).toString('base64');
    expect(proseOf(encoded, () => false)).toEqual({ words: [], codePieces: 1 });
  });
});
