import { describe, expect, it } from 'vitest';
import { readBlocks } from '../fixtures/read-blocks.ts';
import { writeDocx } from '../fixtures/write-office.ts';
import { writeZip } from '../fixtures/write-zip.ts';

const run = (text: string): string => `<w:r><w:t xml:space="preserve">${text}</w:t></w:r>`;
const p = (text: string, properties = ''): string => `<w:p><w:pPr>${properties}</w:pPr>${run(text)}</w:p>`;
const styled = (style: string, text: string): string => p(text, `<w:pStyle w:val="${style}"/>`);
const item = (text: string, level = 0, list = 1): string =>
  p(text, `<w:numPr><w:ilvl w:val="${level}"/><w:numId w:val="${list}"/></w:numPr>`);
const cell = (text: string, properties = ''): string => `<w:tc><w:tcPr>${properties}</w:tcPr>${p(text)}</w:tc>`;
const row = (...cells: string[]): string => `<w:tr>${cells.join('')}</w:tr>`;

const styles = `<w:styles xmlns:w="w"><w:style w:styleId="T"><w:name w:val="Title"/></w:style>
  <w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
  <w:style w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="Base"/></w:style>
  <w:style w:styleId="Base"><w:name w:val="Base"/><w:basedOn w:val="Own"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style></w:styles>`;
const numbering = `<w:numbering xmlns:w="w"><w:abstractNum w:abstractNumId="0">
  <w:lvl><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
  <w:lvl><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>
  <w:abstractNum w:abstractNumId="1"><w:lvl><w:numFmt w:val="bullet"/><w:lvlText w:val="x"/></w:lvl></w:abstractNum>
  <w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num></w:numbering>`;

describe('docx', () => {
  it('reads headings by style and outline level, whatever the styles are called, and properties', async () => {
    const document = await readBlocks(
      writeDocx(styled('T', 'The  paper') + styled('berschrift1', 'One') + styled('Own', 'Three') + p('Text.'), { styles }),
      'file',
    );
    expect(document.lines).toEqual(['heading1: The paper', 'heading1: One', 'heading3: Three', 'paragraph: Text.']);
    expect(document).toMatchObject({
      contentType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      title: 'The title',
      author: 'P. Erson',
      language: 'en-GB',
      createdAt: Date.UTC(2031, 2, 14, 9, 30),
      modifiedAt: Date.UTC(2031, 2, 15, 10),
      pages: [{ number: 1 }],
    });
  });

  it('numbers lists', async () => {
    const body =
      item('first') + item('inner', 1) + item('inner too', 1) + item('second') + item('inner again', 1) + item('point', 0, 2) + p('After.');
    expect((await readBlocks(writeDocx(body, { numbering }), 'a.docx')).text).toBe(
      '1. first\n  1.a) inner\n  1.b) inner too\n2. second\n  2.a) inner again\n- point\n\nAfter.',
    );
  });

  it('reads tables with their header, spanning cells in each place, frames as text', async () => {
    const merged = `<w:tbl>${row(cell('Stop'), cell('Fares', '<w:gridSpan w:val="2"/>'))}${row(cell('Weir', '<w:vMerge w:val="restart"/>'), cell('1.00'), cell('2.00'))}${row(cell('', '<w:vMerge/>'), cell('3.00'), cell('4.00'))}</w:tbl>`;
    const frame = `<w:tbl>${row(`<w:tc>${p('Framed.')}</w:tc>`)}</w:tbl>`;
    const document = await readBlocks(writeDocx(merged + frame), 'a.docx');
    expect(document.lines).toEqual(['table: Stop | Fares | Fares\nWeir | 1.00 | 2.00\nWeir | 3.00 | 4.00', 'paragraph: Framed.']);
    expect(document.header).toBe('Stop | Fares | Fares');
  });

  it('puts notes and comments after their paragraph, leaves out deletions, reads text boxes and formulas', async () => {
    const body =
      `<w:p>${run('A claim')}<w:r><w:footnoteReference w:id="2"/></w:r>${run(' stands.')}<w:r><w:commentReference w:id="7"/></w:r></w:p>` +
      `<w:p>${run('Kept')}<w:del>${run(' deleted')}</w:del><w:ins>${run(' inserted')}</w:ins></w:p>` +
      `<w:p>${run('Box:')}<mc:AlternateContent><mc:Choice><wps:txbx><w:txbxContent>${p('Inside.')}</w:txbxContent></wps:txbx></mc:Choice><mc:Fallback>${p('Inside.')}</mc:Fallback></mc:AlternateContent></w:p>` +
      '<w:p><m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>c</m:t></m:r></m:den></m:f></m:oMath></w:p>';
    const document = await readBlocks(
      writeDocx(body, {
        footnotes: `<w:footnotes xmlns:w="w"><w:footnote w:type="separator" w:id="0">${p('-')}</w:footnote><w:footnote w:id="2">${p('The source.')}</w:footnote></w:footnotes>`,
        comments: `<w:comments xmlns:w="w"><w:comment w:id="7" w:author="R. Eader" w:date="2031-03-14T08:00:00Z">${p('Really?')}</w:comment></w:comments>`,
      }),
      'a.docx',
    );
    expect(document.lines).toEqual([
      'paragraph: A claim[1] stands.',
      'paragraph: [1] The source.',
      'quote: Comment by R. Eader, 2031-03-14: Really?',
      'paragraph: Kept inserted',
      'paragraph: Box:',
      'paragraph: Inside.',
      'paragraph: (a+b)/c',
    ]);
  });

  it('knows pages by the breaks of the last layout, and has none where they cannot be right', async () => {
    const broken = `<w:p><w:r><w:lastRenderedPageBreak/></w:r>${run('Second page.')}</w:p>`;
    const document = await readBlocks(writeDocx(p('First page.') + broken + p('Still second.')), 'a.docx');
    expect(document.pageTexts).toEqual(['First page.', 'Second page.\n\nStill second.']);
    const chapters = writeDocx(`${p('One. '.repeat(2_000))}<w:p><w:r><w:br w:type="page"/></w:r></w:p>${p('Two.')}`);
    expect((await readBlocks(chapters, 'a.docx')).pages).toHaveLength(1);
  });

  it('reads the data of charts', async () => {
    const points = (...values: string[]) => values.map((value, index) => `<c:pt idx="${index}"><c:v>${value}</c:v></c:pt>`).join('');
    const chart = `<c:chartSpace xmlns:c="c"><c:ser><c:tx>${points('Riders')}</c:tx><c:cat>${points('May', 'June')}</c:cat><c:val>${points('12', '0.30000000000000004')}</c:val></c:ser></c:chartSpace>`;
    const document = await readBlocks(writeDocx('<w:p><w:r><c:chart r:id="rId-chart"/></w:r></w:p>', { chart }), 'a.docx');
    expect(document.lines).toEqual(['table: | Riders\nMay | 12\nJune | 0.3']);
  });

  it.each([
    ['no text', writeDocx(p('')), 'E_DOCUMENT_EMPTY'],
    ['no body', writeZip({ 'word/document.xml': '<w:document/>' }), 'E_DOCUMENT_DAMAGED'],
    ['a part that unpacks without end', writeZip({ 'word/document.xml': Buffer.alloc(30 * 1024 * 1024, ' ') }), 'E_DOCUMENT_TOO_LARGE'],
  ])('refuses %s', async (_what, bytes, code) => {
    await expect(readBlocks(bytes, 'a.docx')).rejects.toMatchObject({ code });
  });

  it('reads what is left of a file that was cut off', async () => {
    const whole = writeDocx(p('Some text.'));
    expect((await readBlocks(whole.subarray(0, whole.length - 50), 'a.docx')).text).toBe('Some text.');
  });

  it('expands no entities, follows no references and survives deep nesting', async () => {
    const bomb = writeZip({
      'word/document.xml': `<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>
        <w:document><w:body>${p('&b;&x; end')}</w:body></w:document>`,
    });
    const { text } = await readBlocks(bomb, 'a.docx');
    expect(text).toBe('&b;&x; end');
    const deep = (levels: number): Buffer => writeDocx(`${'<w:sdt><w:sdtContent>'.repeat(levels)}${p('Deep.')}`);
    expect((await readBlocks(deep(50), 'a.docx')).text).toBe('Deep.');
    await expect(readBlocks(deep(50_000), 'a.docx')).rejects.toMatchObject({ code: 'E_DOCUMENT_DAMAGED' });
  });
});
