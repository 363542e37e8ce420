import { describe, expect, it } from 'vitest';
import { parseMarkdown, sections } from './markdown.ts';

async function read(source: string) {
  const document = await parseMarkdown(Buffer.from(source), { name: 'x.md' });
  return {
    ...document,
    lines: document.blocks.map(({ kind, level, start, end }) => `${kind}${level ?? ''}: ${document.text.slice(start, end)}`),
  };
}

describe('markdown', () => {
  it('reads the readable text in blocks', async () => {
    const { lines, title } = await read(
      [
        '# The *first* title',
        '',
        'A [link](https://example.org), `code`, **bold**,',
        'wrapped; an ![image of a duck](duck.png).<br>Next line.',
        '',
        '- one',
        '- two',
        '  1. inner',
        '- [x] done',
        '',
        '> Quoted.',
        '',
        '```js',
        'const a = 1;',
        '',
        'b();',
        '```',
        '',
        'Setext',
        '------',
        '',
        'Said so[^1].',
        '',
        '[^1]: The note.',
      ].join('\n'),
    );
    expect(title).toBe('The first title');
    expect(lines).toEqual([
      'heading1: The first title',
      'paragraph: A link, code, bold, wrapped; an image of a duck.\nNext line.',
      'list-item: - one',
      'list-item: - two',
      'list-item:   1. inner',
      'list-item: - [x] done',
      'quote: Quoted.',
      'code: const a = 1;\n\nb();',
      'heading2: Setext',
      'paragraph: Said so[1].',
      'paragraph: [1] The note.',
    ]);
  });

  it('reads a table with its header', async () => {
    const { lines, text, blocks } = await read('| Article | Price |\n|---|--:|\n| Chair \\| red | **49** |\n');
    expect(lines).toEqual(['table: Article | Price\nChair | red | 49']);
    expect(text.slice(blocks[0]?.header?.start, blocks[0]?.header?.end)).toBe('Article | Price');
  });

  it('keeps the places of notes, their further blocks, and of lists in other blocks', async () => {
    const source = [
      'One[^a] and [^none].',
      '[^a]: The note',
      'goes on.',
      '',
      '    Further.',
      '[^b]: `b`',
      '',
      '1) first',
      '',
      '   second of the first',
      '3) third',
      '   > - quoted item',
    ];
    expect((await read(source.join('\n'))).lines).toEqual([
      'paragraph: One[a] and [none].',
      'paragraph: [a] The note goes on.',
      'paragraph: Further.',
      'paragraph: [b] b',
      'list-item: 1. first',
      'list-item:   second of the first',
      'list-item: 2. third',
      'list-item: - quoted item',
    ]);
  });

  it('keeps the readable part of links that no page would follow, and of code that wraps', async () => {
    const { lines } = await read('[one](javascript:alert(1)) [two](<a b> "c") `three\nfour` &amp; \\*five\\*');
    expect(lines).toEqual(['paragraph: one two three four & *five*']);
  });

  it('reads raw HTML as HTML', async () => {
    const { lines } = await read(
      'Before.\n\n<table><tr><th>A</th><th>B</th></tr>\n\n<tr><td>1</td><td>2</td></tr></table>\n\n<script>alert(1)</script>\n\nAfter.\n',
    );
    expect(lines).toEqual(['paragraph: Before.', 'table: A | B\n1 | 2', 'paragraph: After.']);
  });

  it('takes title, author and language from front matter, which stays readable', async () => {
    const document = await read('---\ntitle: "Leave rules"\nauthor: P. Erson\nlang: en\n---\n\n# Other\n');
    expect(document).toMatchObject({ title: 'Leave rules', author: 'P. Erson', language: 'en' });
    expect(document.lines[0]).toBe('paragraph: title: "Leave rules"\nauthor: P. Erson\nlang: en');
  });

  it('does not take a rule at the start for front matter', async () => {
    expect((await read('---\n\nText: here.\n\n---\n')).lines).toEqual(['paragraph: Text: here.']);
  });

  it('cuts a long source before headings, outside fences, and loses nothing', () => {
    const source = `# a\n${'text\n'.repeat(20)}\`\`\`\n# no heading\n${'code\n'.repeat(40)}\`\`\`\n# b\n${'text\n'.repeat(20)}`;
    const parts = sections(source, 60);
    expect(parts.join('')).toBe(source);
    expect(parts.map((part) => part.split('\n')[0])).toEqual(['# a', '# b']);
  });
});
