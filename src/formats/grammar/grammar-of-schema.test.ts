import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readGbnf } from '../../../test/support/gbnf.ts';
import { MillraceError } from '../../errors.ts';
import { createSeededRandom } from '../../util/random.ts';
import { grammarOfSchema } from './grammar-of-schema.ts';

type Schema = Record<string, unknown>;

/** Whether a value fits, by the meaning of the keywords that are known. */
function fits(schema: Schema, value: unknown): boolean {
  if (Array.isArray(schema['anyOf'])) return (schema['anyOf'] as Schema[]).some((one) => fits(one, value));
  const fixed = Object.hasOwn(schema, 'const') ? [schema['const']] : (schema['enum'] as unknown[] | undefined);
  if (fixed !== undefined) return fixed.some((one) => JSON.stringify(one) === JSON.stringify(value));
  const { minItems = 0, maxItems = Infinity, minLength = 0, maxLength = Infinity } = schema as Record<string, number>;
  const inBounds = (length: number): boolean => length >= minLength && length <= maxLength;
  switch (schema['type']) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
      const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
      const names = Object.keys(value);
      const required = (schema['required'] ?? []) as string[];
      return (
        required.every((name) => names.includes(name)) &&
        names.every((name) => Object.hasOwn(properties, name) && fits(properties[name]!, (value as Record<string, unknown>)[name]))
      );
    }
    case 'array':
      return (
        Array.isArray(value) &&
        value.length >= minItems &&
        value.length <= maxItems &&
        value.every((one) => fits(schema['items'] as Schema, one))
      );
    case 'string':
      return typeof value === 'string' && inBounds(Array.from(value).length) && value.isWellFormed();
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return Number.isInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
    default:
      return value === null;
  }
}

const leaf = fc.constantFrom<Schema>(
  { type: 'string' },
  { type: 'string', minLength: 2, maxLength: 5 },
  { type: 'number' },
  { type: 'integer', title: 'A count' },
  { type: 'boolean' },
  { type: 'null' },
  { enum: ['red', 'gr"een', 3, null, true] },
  { const: { a: ['\\', '\n'] } },
  { type: 'string', enum: ['a', 'b', 4] },
);
const names = fc.uniqueArray(fc.constantFrom('id', 'a b', 'q"uote', 'ünï', '__proto__x', '/'), { maxLength: 4 });
const { schema } = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .record({ items: tie('schema'), minItems: fc.integer({ min: 0, max: 2 }), more: fc.option(fc.integer({ min: 0, max: 2 })) })
      .map(({ items, minItems, more }) => ({ type: 'array', items, minItems, ...(more === null ? {} : { maxItems: minItems + more }) })),
    fc.tuple(names, fc.array(tie('schema'), { minLength: 4, maxLength: 4 }), fc.nat(15)).map(([keys, values, mask]) => ({
      type: 'object',
      properties: Object.fromEntries(keys.map((key, index) => [key, values[index]])),
      required: keys.filter((_, index) => (mask >> index) % 2 === 1),
      additionalProperties: false,
    })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}));

describe('grammarOfSchema', () => {
  it('has only sentences that are JSON and fit the schema', () => {
    fc.assert(
      fc.property(schema, fc.nat(), (one, seed) => {
        const random = createSeededRandom(seed);
        const grammar = readGbnf(grammarOfSchema(one));
        for (let round = 0; round < 4; round += 1) {
          const text = grammar.sentence(() => random.float());
          expect(fits(one, JSON.parse(text))).toBe(true);
          expect(grammar.matches(text)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each<[Schema, unknown[], unknown[]]>([
    [{ type: 'string' }, ['', 'Größe', 'a "quoted" \\ line\nend', '🦆'], [1, null]],
    [{ type: 'string', maxLength: 3 }, ['abc', '🦆🦆🦆'], ['abcd']],
    [{ type: 'number' }, [0, -1.5, 1e21, 2.5e-7, 123456789.25, 5e-324], ['1', null]],
    [{ type: 'integer' }, [0, -42, 9007199254740991], [1.5]],
    [{ type: 'array', items: { type: 'boolean' }, minItems: 1, maxItems: 2 }, [[true], [true, false]], [[], [true, true, true]]],
    [
      { type: 'object', properties: { a: { type: 'null' }, b: { type: 'integer' }, c: { const: 'x' } }, required: ['b'] },
      [{ b: 1 }, { a: null, b: 1 }, { b: 1, c: 'x' }, { a: null, b: 2, c: 'x' }],
      [{}, { a: null }, { b: 1, d: 2 }],
    ],
    [{ type: 'object', properties: {} }, [{}], [{ a: 1 }]],
    [{ enum: ['yes', 'no'] }, ['yes', 'no'], ['maybe']],
    [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, [null, 'x'], [4]],
  ])('%j takes what fits and nothing else', (one, good, bad) => {
    const grammar = readGbnf(grammarOfSchema(one));
    for (const value of good) {
      expect([value, grammar.matches(JSON.stringify(value))]).toEqual([value, true]);
      expect(grammar.matches(`${JSON.stringify(value)} x`)).toBe(false);
    }
    for (const value of bad) expect([value, grammar.matches(JSON.stringify(value))]).toEqual([value, false]);
  });

  it('takes no half of a surrogate pair, no control character and no endless white space', () => {
    const grammar = readGbnf(grammarOfSchema({ type: 'array', items: { type: 'string' } }));
    expect(grammar.matches('["\\ud83e\\udd86"]')).toBe(true);
    for (const bad of ['["\\ud83e"]', '["\\udd86"]', '["\\u0000"]', '["\u0007"]', '["a",  "b"]', '["a"]\n']) {
      expect([bad, grammar.matches(bad)]).toEqual([bad, false]);
    }
  });

  it.each<[unknown, string]>([
    [{ type: 'string', pattern: '^a' }, 'pattern'],
    [{ type: 'object', properties: { a: { $ref: '#/x' } } }, '$ref'],
    [{ type: 'object', additionalProperties: true }, 'additionalProperties'],
    [{ type: 'object', properties: {}, required: ['a'] }, 'required'],
    [{ type: 'number', minimum: 1 }, 'minimum'],
    [{ type: 'date' }, 'type'],
    [{ type: ['string', 'null'] }, 'type'],
    [{ type: 'array' }, 'items'],
    [{ oneOf: [] }, 'oneOf'],
    [{ title: 'Anything' }, 'type'],
    [{ enum: [] }, 'enum'],
    [{ type: 'string', const: 4 }, 'const'],
    [{ type: 'string', minLength: 3, maxLength: 2 }, 'maxLength'],
    [{ type: 'string', maxLength: 5_000 }, 'maxLength'],
    [{ anyOf: [] }, 'anyOf'],
  ])('refuses %j by the name of the keyword', (one, keyword) => {
    const refused = refusal(one);
    expect(refused).toMatchObject({ code: 'E_SCHEMA_UNSUPPORTED', details: { keyword } });
    expect(refused.message).toContain(`"${keyword}"`);
  });

  it('refuses what is no schema, and what is too deep or too large', () => {
    for (const bad of [null, [], 'string', 3]) expect(refusal(bad).code).toBe('E_SCHEMA_UNSUPPORTED');
    let deep: unknown = { type: 'null' };
    for (let level = 0; level < 50; level += 1) deep = { type: 'array', items: deep };
    expect(refusal(deep).message).toContain('nested');
    const wide = { enum: Array.from({ length: 10_000 }, (_, index) => `value ${index}`) };
    expect(refusal(wide).message).toContain('characters');
    const long = {
      type: 'object',
      properties: Object.fromEntries(Array.from('abcdefghijkl').map((name) => [name, { type: 'string', minLength: 1_900 }])),
    };
    expect(refusal(long).message).toContain('repetitions');
  });
});

function refusal(schema: unknown): MillraceError {
  try {
    grammarOfSchema(schema);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('The schema was not refused.');
}
