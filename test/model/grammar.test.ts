import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grammarOfSchema } from '../../src/formats/grammar/grammar-of-schema.ts';
import type { Generator, LocalDevice } from '../../src/spec/engine.ts';
import { spanGrammar } from '../../src/query/span-grammar.ts';
import { readGbnf } from '../support/gbnf.ts';
import { ask, callOptions, createTestDevice, finalOf, loadTestGenerator } from './engine-fixture.ts';
import { withoutModels } from './models.ts';

const schemas = [
  {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 12 },
      age: { type: 'integer' },
      tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 3 },
    },
    required: ['name', 'tags'],
  },
  { type: 'array', items: { anyOf: [{ type: 'number' }, { type: 'null' }, { type: 'boolean' }] }, minItems: 2, maxItems: 4 },
  { enum: ['Grüße', 'say "hello"', '🦆', 12, null] },
];

describe.skipIf(withoutModels)('a model that follows the grammar of a JSON schema', () => {
  let device: LocalDevice;
  let generator: Generator;
  beforeAll(async () => {
    device = createTestDevice();
    generator = await loadTestGenerator(device);
  });
  afterAll(() => device.close());

  it('writes JSON that is a sentence of it, also where it would rather write something else', async () => {
    const sampling = { ...ask('').sampling, temperature: 1 };
    const outputs = await Promise.all(
      schemas.map(async (schema, seed) => {
        const grammar = grammarOfSchema(schema);
        const request = ask('Tell me a story about a duck.', { grammar, maxTokens: 160, sampling: { ...sampling, seed } });
        const { text, stopReason } = await finalOf(generator.generate(request, callOptions()));
        return { text, stopReason, matches: readGbnf(grammar).matches(text) };
      }),
    );
    for (const { text, stopReason, matches } of outputs) {
      expect({ text, stopReason, matches }).toEqual({ text, stopReason: 'end', matches: true });
      expect(() => JSON.parse(text) as unknown).not.toThrow();
    }
  });

  it('copies words of a text, whatever brackets and quotes it holds', async () => {
    const text = `${'sad :( day, '.repeat(130)}the "mill" [1] stands\n\\here.`;
    const grammar = spanGrammar(text) ?? '';
    const final = await finalOf(generator.generate(ask('Where does the mill stand?', { grammar, maxTokens: 8 }), callOptions()));
    expect(final.text).not.toBe('');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(final.text);
  });
});
