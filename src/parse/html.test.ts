import { describe, expect, it } from 'vitest';
import { parseHtml } from './html.ts';

async function read(source: string) {
  const document = await parseHtml(Buffer.from(source), { name: 'x.html' });
  return {
    ...document,
    lines: document.blocks.map(({ kind, level, start, end }) => `${kind}${level ?? ''}: ${document.text.slice(start, end)}`),
  };
}

const paragraph =
  '<p>The committee met on Monday and discussed the budget of the coming year, the new building, and the plans of the members.</p>';

const article = Array.from({ length: 8 }, (_, day) => paragraph.replace('Monday', `day ${day + 1}`)).join('');

describe('html', () => {
  it('reads blocks, lists, tables and code of a page that is no article', async () => {
    const { lines, text, blocks } = await read(`<!doctype html><html lang="de-CH"><body>
      <h1>A <em>title</em></h1><p>One<br>two &amp; three <img alt="a duck"></p>
      <ul><li>first<li>second <ol start="3"><li>inner</ol></ul>
      <blockquote>Quoted</blockquote><pre>if (a)
  b();</pre>
      <table><thead><tr><th>Article<th>Price</thead><tr><td>Chair<td><b>49</b> EUR</table>
      <script>var x = "hidden";</script><style>p {}</style></body></html>`);
    expect(lines).toEqual([
      'heading1: A title',
      'paragraph: One\ntwo & three a duck',
      'list-item: - first',
      'list-item: - second',
      'list-item:   3. inner',
      'quote: Quoted',
      'code: if (a)\n  b();',
      'table: Article | Price\nChair | 49 EUR',
    ]);
    expect(text.slice(blocks.at(-1)?.header?.start, blocks.at(-1)?.header?.end)).toBe('Article | Price');
  });

  it('keeps the main text of an article and leaves out navigation', async () => {
    const { text, lines } = await read(
      `<html><head><title>Minutes</title></head><body><nav><a href="/">Home</a> <a href="/b">Buy our things</a></nav>
       <article><h1>Minutes of May</h1>${article}</article><footer><a href="/i">Imprint</a></footer></body></html>`,
    );
    expect(text).not.toContain('Buy our things');
    expect(text).not.toContain('Imprint');
    expect(lines.filter((line) => line.startsWith('paragraph: The committee'))).toHaveLength(8);
    expect(lines[0]).toMatch(/^heading1: Minutes/);
  });

  it('leaves menus, texts that stand twice and descriptions of pictures out of an article', async () => {
    const menu = '<ul><li><a href="/a">Home</a><li><a href="/b">Sports</a><li><a href="/c">Sign in</a></ul>';
    const caption = '<figure><img alt="A described picture"><figcaption>The caption of the picture.</figcaption></figure>';
    const { text } = await read(`<html><body><article><h1>Minutes</h1>${menu}${caption}${article}${caption}</article></body></html>`);
    expect(text).not.toMatch(/Sports|described/);
    expect(text.match(/The caption of the picture/g)).toHaveLength(1);
  });

  it('keeps a table that the main text would lose', async () => {
    const table = '<table><tr><th>Member<th>Vote</tr><tr><td>Amber<td>yes</tr></table>';
    const { text } = await read(`<html><body><article>${article}</article><div class="sidebar comment">${table}</div></body></html>`);
    expect(text).toContain('Member | Vote\nAmber | yes');
  });

  it('reads title, author, language and dates', async () => {
    const document = await read(`<html lang="en-GB"><head><title> The\n title </title><meta name="author" content="P. Erson">
      <meta property="article:published_time" content="2024-01-31T09:30:00Z"></head><body>${paragraph}</body></html>`);
    expect(document).toMatchObject({ title: 'The title', author: 'P. Erson', language: 'en-GB', createdAt: Date.UTC(2024, 0, 31, 9, 30) });
  });

  it('reads dates by the other names that pages give them, those of articles first', async () => {
    const page = (meta: string) => read(`<html><head>${meta}</head><body>${paragraph}</body></html>`);
    expect(await page('<meta name="DC.creator" content="A. Body"><meta name="date" content="2030-01-02">')).toMatchObject({
      author: 'A. Body',
      createdAt: Date.UTC(2030, 0, 2),
    });
    const both = '<meta property="article:modified_time" content="2030-02-03T00:00:00Z"><meta name="last-modified" content="2031-01-01">';
    expect((await page(both)).modifiedAt).toBe(Date.UTC(2030, 1, 3));
    expect(await page('<meta name="date" content="01/02/2030">')).not.toHaveProperty('createdAt');
  });

  it('reads a layout table as its contents', async () => {
    const { lines } = await read('<table><tr><td><h2>Left</h2><p>Menu</p></td><td><p>Right</p></td></tr></table>');
    expect(lines).toEqual(['heading2: Left', 'paragraph: Menu', 'paragraph: Right']);
  });

  it('survives nesting that would overflow a recursive reader', async () => {
    const { text } = await read(`${'<div>'.repeat(20_000)}deep${'</div>'.repeat(20_000)}`);
    expect(text).toBe('deep');
  });
});
