import { describe, expect, it } from 'vitest';
import { readBlocks } from '../fixtures/read-blocks.ts';
import { paragraph, shape, writeOpenDocument, writePpt, writePptx } from '../fixtures/write-office.ts';
import { writeZip } from '../fixtures/write-zip.ts';

const table = `<p:graphicFrame><a:graphic><a:graphicData><a:tbl><a:tr><a:tc><a:txBody>${paragraph('Stop')}</a:txBody></a:tc><a:tc><a:txBody>${paragraph('Fare')}</a:txBody></a:tc></a:tr>
  <a:tr><a:tc gridSpan="2"><a:txBody>${paragraph('Weir, all')}</a:txBody></a:tc><a:tc hMerge="1"><a:txBody><a:p/></a:txBody></a:tc></a:tr></a:tbl></a:graphicData></a:graphic></p:graphicFrame>`;

describe('pptx', () => {
  it('reads slides as pages: title first, lists, tables, notes, comments', async () => {
    const document = await readBlocks(
      writePptx([
        {
          shapes:
            shape(paragraph('One', '<a:pPr lvl="0"/>') + paragraph('Inner', '<a:pPr lvl="1"/>'), 'body') +
            shape(paragraph('The plan'), 'title') +
            shape(paragraph('7'), 'sldNum'),
          notes: 'Say hello.',
          comment: 'Too long',
        },
        { shapes: shape(paragraph('Free text')) + table },
        { shapes: '' },
      ]),
      'file',
    );
    expect(document.lines).toEqual([
      'heading1: The plan',
      'list-item: - One',
      'list-item:   - Inner',
      'quote: Notes: Say hello.',
      'quote: Comment by R. Eader, 2031-03-14: Too long',
      'paragraph: Free text',
      'table: Stop | Fare\nWeir, all |',
    ]);
    expect(document.header).toBe('Stop | Fare');
    expect(document.pages.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(document.pageTexts[1]).toBe('Free text\n\nStop | Fare\nWeir, all |');
    expect(document).toMatchObject({ title: 'The title', author: 'P. Erson' });
  });

  it('says which slides are missing', async () => {
    const slide = '<p:sld xmlns:p="p"/>';
    const list = '<p:presentation><p:sldIdLst><p:sldId r:id="a"/><p:sldId r:id="b"/></p:sldIdLst></p:presentation>';
    const rels =
      '<Relationships><Relationship Id="a" Type="x/slide" Target="slides/1.xml"/><Relationship Id="b" Type="x/slide" Target="http://canary/2.xml" TargetMode="External"/></Relationships>';
    const files = { 'ppt/presentation.xml': list, 'ppt/_rels/presentation.xml.rels': rels };
    await expect(readBlocks(writeZip(files), 'a.pptx')).rejects.toMatchObject({ code: 'E_DOCUMENT_DAMAGED' });
    const shown = slide.replace('/>', `><p:cSld><p:spTree>${shape(paragraph('Shown'))}</p:spTree></p:cSld></p:sld>`);
    const document = await readBlocks(writeZip({ ...files, 'ppt/slides/1.xml': shown }), 'a.pptx');
    expect(document.warnings).toEqual(['1 of 2 slides cannot be read: 2.']);
  });

  it('refuses one without text', async () => {
    await expect(readBlocks(writePptx([{ shapes: '' }]), 'a.pptx')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
  });
});

describe('odp', () => {
  it('reads slides as pages', async () => {
    const document = await readBlocks(
      writeOpenDocument(
        'presentation',
        `<draw:page><draw:frame><draw:text-box><text:list><text:list-item><text:p>Point</text:p></text:list-item></text:list></draw:text-box></draw:frame>
         <draw:frame presentation:class="title"><draw:text-box><text:p>The plan</text:p></draw:text-box></draw:frame>
         <presentation:notes><draw:frame><draw:text-box><text:p>Say hello.</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>
         <draw:page><draw:custom-shape><text:p>Second.</text:p></draw:custom-shape></draw:page>`,
      ),
      'file',
    );
    expect(document.lines).toEqual(['heading1: The plan', 'list-item: - Point', 'quote: Notes: Say hello.', 'paragraph: Second.']);
    expect(document.pageTexts.at(-1)).toBe('Second.');
  });
});

describe('ppt', () => {
  it('reads the outline of each slide as a page', async () => {
    const document = await readBlocks(
      writePpt([
        { title: 'The plan', text: 'One\rTwo' },
        { title: 'The end', text: 'Three' },
      ]),
      'file',
    );
    expect(document.contentType).toBe('application/vnd.ms-powerpoint');
    expect(document.lines).toEqual(['heading1: The plan', 'paragraph: One', 'paragraph: Two', 'heading1: The end', 'paragraph: Three']);
    expect(document.pageTexts).toEqual(['The plan\nOne\nTwo'.replace('\n', '\n'), 'The end\nThree']);
  });

  it('refuses one without slides', async () => {
    await expect(readBlocks(writePpt([]), 'a.ppt')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
  });
});
