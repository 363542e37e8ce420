/** Rules that the grammars of all schemas have in common, each with those it refers to. */
export type SharedRule = 'space' | 'string' | 'char' | 'unit' | 'pair' | 'hex' | 'number' | 'integer' | 'boolean' | 'null';

interface Rule {
  readonly body: string;
  readonly needs: readonly SharedRule[];
}

/** A string between quotes; `characters` is a repetition of `char`. */
export function stringRule(characters: string): string {
  return `"\\"" ${characters} "\\""`;
}

export const sharedRules: Readonly<Record<SharedRule, Rule>> = {
  space: { body: '" "?', needs: [] },
  string: { body: stringRule('char*'), needs: ['char'] },
  /** One code point: as it is, or escaped. Escaped control characters are those with a letter of their own. */
  char: { body: String.raw`[^"\\\x00-\x1F\x7F-\x9F] | "\\" (["\\/bfnrt] | "u" (unit | pair))`, needs: ['unit', 'pair'] },
  /** Four hexadecimal digits: neither a control character nor half of a surrogate pair. */
  unit: {
    body: String.raw`"00" ([2-6a-fA-F] hex | "7" [0-9a-eA-E]) | "0" [1-9a-fA-F] hex hex | [1-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex`,
    needs: ['hex'],
  },
  pair: { body: String.raw`[dD] [89abAB] hex hex "\\u" [dD] [c-fC-F] hex hex`, needs: ['hex'] },
  hex: { body: '[0-9a-fA-F]', needs: [] },
  /** What JavaScript writes of a finite number below 1e308: plain, or one digit before the point and an exponent. */
  number: {
    body:
      '"-"? (("0" | [1-9] [0-9]{0,20}) ("." [0-9]{1,25})? | [1-9] ("." [0-9]{1,20})? [eE] ' +
      '("+"? ([0-9] | [1-9] [0-9] | [12] [0-9] [0-9] | "30" [0-7]) | "-" ([0-9] | [1-9] [0-9] | [12] [0-9] [0-9] | "3" [01] [0-9] | "32" [0-4])))',
    needs: [],
  },
  /** At most 16 digits, as many as a safe integer has. */
  integer: { body: '"-"? ("0" | [1-9] [0-9]{0,15})', needs: [] },
  boolean: { body: '"true" | "false"', needs: [] },
  null: { body: '"null"', needs: [] },
};
