import { describe, expect, it } from 'vitest';
import { readBlocks } from '../fixtures/read-blocks.ts';

describe('csv', () => {
  it.each([
    ['commas', 'Stop,Fare\n"Weir, old",1.00\nMill,2.00', 'a.csv'],
    ['semicolons', 'Stop;Fare\nWeir, old;1.00\nMill;2.00', 'a.csv'],
    ['tabs', 'Stop\tFare\nWeir, old\t1.00\nMill\t2.00', 'a.tsv'],
    ['bars and CRLF', 'Stop|Fare\r\nWeir, old|1.00\r\nMill|2.00\r\n', 'a.csv'],
  ])('reads a table with %s', async (_what, source, name) => {
    const document = await readBlocks(source, name);
    expect(document.lines).toEqual(['table: Stop | Fare\nWeir, old | 1.00\nMill | 2.00']);
    expect(document.header).toBe('Stop | Fare');
  });

  it('takes rows of other lengths, stray quotes, and a table of numbers without a header', async () => {
    expect((await readBlocks('a,b\n1\n1,2,3\n5" pipe,x', 'a.csv')).text).toBe('a | b\n1\n1 | 2 | 3\n5" pipe | x');
    expect((await readBlocks('1,2\n3,4', 'a.csv')).header).toBeUndefined();
  });

  it('refuses an empty one and is read as it stands where a quote never ends', async () => {
    await expect(readBlocks(',\n,', 'a.csv')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
    expect((await readBlocks('a,b\n"1,2\n3,4', 'a.csv')).text).toContain('3 | 4');
  });

  it('gives no power to names of objects', async () => {
    expect((await readBlocks('__proto__,constructor\npolluted,yes', 'a.csv')).text).toBe('__proto__ | constructor\npolluted | yes');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('json', () => {
  it('reads objects as lines under headings and lists of like objects as tables', async () => {
    const source = JSON.stringify({
      title: 'Fares',
      year: 2031,
      tags: ['a', 'b'],
      stops: [{ name: 'Weir', fare: 1 }, { name: 'Mill' }],
      office: { hours: { from: '8:00' } },
    });
    const document = await readBlocks(source, 'file');
    expect(document.lines).toEqual([
      'paragraph: title: Fares\nyear: 2031\ntags: a, b',
      'heading1: stops',
      'table: name | fare\nWeir | 1\nMill |',
      'heading1: office',
      'heading2: hours',
      'paragraph: from: 8:00',
    ]);
    expect(document).toMatchObject({ contentType: 'application/json', title: 'Fares' });
  });

  it('reads lines of JSON, and what is none as text', async () => {
    expect((await readBlocks('{"a":1,"b":2}\n{"a":3,"b":4}\n', 'file')).lines).toEqual(['table: a | b\n1 | 2\n3 | 4']);
    const broken = await readBlocks('{"a":1}\nnot json\n', 'a.jsonl');
    expect(broken.warnings).toEqual(['1 line is not valid JSON and was read as text.']);
    expect((await readBlocks('{"a": 1,}', 'a.json')).warnings).toEqual(['It is not valid JSON and was read as plain text.']);
  });

  it('survives nesting and names of objects', async () => {
    const deep = await readBlocks(`${'['.repeat(100_000)}"deep"${']'.repeat(100_000)}`, 'a.json');
    expect(deep.warnings).toEqual(['It nests deeper than 64 levels and was read as plain text.']);
    const { text } = await readBlocks('{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}', 'a.json');
    expect(text).toContain('polluted: yes');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    await expect(readBlocks('{}', 'a.json')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
  });
});

describe('xml', () => {
  it('reads texts, data and tables', async () => {
    const document = await readBlocks(
      `<?xml version="1.0"?><book><title>The book</title><section><title>One</title><para>Some <em>marked</em> text.</para>
       <price currency="crown">12</price><stock count="3"/><table><thead><row><entry>a</entry><entry>b</entry></row></thead><row><entry>1</entry><entry>2</entry></row></table></section></book>`,
      'file',
    );
    expect(document.lines).toEqual([
      'heading2: The book',
      'heading3: One',
      'paragraph: Some marked text.',
      'paragraph: price: 12\nstock: count 3',
      'table: a | b\n1 | 2',
    ]);
    expect(document).toMatchObject({ contentType: 'application/xml', title: 'The book' });
  });

  it('expands no entities and fetches nothing', async () => {
    const laughs = Array.from({ length: 9 }, (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`).join('');
    const source = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">${laughs}<!ENTITY f SYSTEM "file:///etc/passwd">]><x><p>&l9; &f; &#65;&amp;</p></x>`;
    expect((await readBlocks(source, 'a.xml')).text).toBe('&l9; &f; A&');
    expect((await readBlocks(`<x><p>${'&#120;'.repeat(200_000)}</p></x>`, 'a.xml')).text).toHaveLength(200_000);
  });

  it('reads what is left of a damaged one and refuses endless nesting', async () => {
    expect((await readBlocks('<?xml version="1.0"?><a><p>Left <b>over', 'a.xml')).text).toBe('Left over');
    await expect(readBlocks('<a>'.repeat(100_000), 'a.xml')).rejects.toMatchObject({ code: 'E_DOCUMENT_DAMAGED' });
    await expect(readBlocks('<?xml version="1.0"?><a/>', 'a.xml')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
  });
});

describe('subtitles and source code', () => {
  it('reads what is said', async () => {
    const vtt =
      'WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\n<v Ann>Hello\n\n00:00:02.000 --> 00:00:03.000\n<v Ann>there.\n\n00:03.000 --> 00:04.000\n<v Ben>Yes.\n';
    expect((await readBlocks(vtt, 'file')).text).toBe('Ann: Hello there.\nBen: Yes.');
    expect((await readBlocks('1\n00:00:01,000 --> 00:00:02,000\n<i>Hello.</i>\n', 'a.srt')).text).toBe('Hello.');
    await expect(readBlocks('WEBVTT\n', 'a.vtt')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
  });

  it('keeps code as it stands', async () => {
    const document = await readBlocks('function a() {\n  return 1;\n}\n\nconst b = 2;\n', 'a.ts');
    expect(document).toMatchObject({ contentType: 'text/x-source', text: 'function a() {\n  return 1;\n}\n\nconst b = 2;\n' });
    expect(document.blocks.map(({ kind }) => kind)).toEqual(['code', 'code']);
  });
});
