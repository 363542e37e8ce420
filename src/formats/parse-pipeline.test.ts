import { describe, expect, it } from 'vitest';
import { parsePipeline } from './parse-pipeline.ts';

describe('parsePipeline', () => {
  it('reads YAML and JSON alike', async () => {
    const expected = { name: 'words', retrieve: { mode: 'text', filter: { year: { gte: 2030 } } } };
    const yaml = '# a comment\nname: words\nretrieve:\n  mode: text\n  filter: { year: { gte: 2030 } }\n';
    expect(await parsePipeline(yaml, 'a.yaml')).toEqual(expected);
    expect(await parsePipeline(JSON.stringify(expected), 'a.json')).toEqual(expected);
  });

  it.each([
    ['retrieve: {mode: text', /line 1/],
    ['name: a\nname: b\n', /Map keys must be unique at line 2/],
    ['', /is not valid/],
    ['- 1\n', /is not valid/],
    ['a: &a [x]\nb: [*nobody]\n', /Unresolved alias/],
    [`name: ${'x'.repeat(200_000)}`, /longer than/],
    ['generate:\n  maxtokens: 4\n', /unknown key "generate.maxtokens"/],
  ])('says what is wrong with %j', async (text, message) => {
    await expect(parsePipeline(text.slice(0, 200_001), 'a.yaml')).rejects.toMatchObject({
      code: 'E_PIPELINE_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('lets no alias grow without bound', async () => {
    const bomb = [
      'a0: &a0 [x, x, x, x, x, x, x, x, x, x]',
      ...Array.from({ length: 8 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(10)}]`),
    ];
    await expect(parsePipeline(bomb.join('\n'), 'bomb.yaml')).rejects.toMatchObject({ code: 'E_PIPELINE_INVALID' });
  });
});
