import { expect, it } from 'vitest';
import { documentLanguage } from './document-language.ts';

const german = 'Das Rad dreht sich, und die Mühle mahlt auch in der Nacht.';

it('takes what a document says of itself, else what it is written in', () => {
  expect(documentLanguage({ language: undefined, isSourceCode: false }, german)).toBe('de');
  expect(documentLanguage({ language: 'en-GB', isSourceCode: true }, german)).toBe('en-GB');
});

it('tells no language of source code, whatever its comments are in', () => {
  expect(documentLanguage({ language: undefined, isSourceCode: true }, `// ${german}\nlet wheel = 1;`)).toBeUndefined();
});

it.each(['English', 'Deutsch', 'und', 'mul-Latn', '', 'de; DROP TABLE'])(
  'reads the text where a document calls its language "%s"',
  (language) => {
    expect(documentLanguage({ language, isSourceCode: false }, german)).toBe('de');
    expect(documentLanguage({ language, isSourceCode: true }, german)).toBeUndefined();
  },
);

it.each([
  ['de', 'de'],
  ['en_US', 'en-US'],
  ['eng', 'en'],
  ['ger', 'de'],
  ['ZH-hant-tw', 'zh-Hant-TW'],
  ['gsw', 'gsw'],
  ['mi', 'mi'],
  ['de-x', 'de'],
])('takes the code %s as %s', (language, canonical) => {
  expect(documentLanguage({ language, isSourceCode: false }, german)).toBe(canonical);
});
