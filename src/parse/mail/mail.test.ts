import { describe, expect, it } from 'vitest';
import { readBlocks } from '../fixtures/read-blocks.ts';
import { writeMsg } from '../fixtures/write-office.ts';

const head =
  'From: "P. Erson" <p@example.org>\r\nTo: a@example.org, B <b@example.org>\r\nSubject: =?utf-8?Q?The_f=C3=A4hre?=\r\nDate: Fri, 14 Mar 2031 09:30:00 +0100\r\n';
const crlf = (text: string): string => text.replaceAll(/\r?\n/g, '\r\n');
const multipart = crlf(`MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain; charset=utf-8

The body.

> quoted
--x
Content-Type: text/csv
Content-Disposition: attachment; filename="../fares.csv"
Content-Transfer-Encoding: base64

${Buffer.from('a,b\n1,2').toString('base64')}
--x
Content-Type: message/rfc822

Subject: Inner
From: c@example.org

Inner text.
--x--
`);

describe('eml', () => {
  it('reads people, date and text, and hands over attachments', async () => {
    const document = await readBlocks(head + multipart, 'file');
    expect(document.contentType).toBe('message/rfc822');
    expect(document.lines).toEqual([
      'heading1: The fähre',
      'paragraph: From: P. Erson <p@example.org>\nTo: a@example.org, B <b@example.org>\nDate: 2031-03-14 08:30\nAttachments: ../fares.csv, attachment-2.eml',
      'paragraph: The body.',
      'quote: > quoted',
    ]);
    expect(document).toMatchObject({ title: 'The fähre', author: 'P. Erson <p@example.org>', createdAt: Date.UTC(2031, 2, 14, 8, 30) });
    expect(document.members?.map(({ name, contentType }) => [name, contentType])).toEqual([
      ['fares.csv', 'text/csv'],
      ['attachment-2.eml', 'message/rfc822'],
    ]);
    expect(Buffer.from(document.members?.[0]?.bytes ?? []).toString()).toBe('a,b\n1,2');
  });

  it('reads HTML only and UTF-16 messages', async () => {
    const html = `${head}Content-Type: text/html\r\n\r\n<table><tr><th>Stop<th>Fare</tr><tr><td>Weir<td>1.00</tr></table><img src="http://canary/x.png">`;
    expect((await readBlocks(html, 'a.eml')).lines.at(-1)).toBe('table: Stop | Fare\nWeir | 1.00');
    const wide = Buffer.from(`\uFEFF${head}\r\nWide text.`, 'utf16le');
    expect((await readBlocks(wide, 'a.eml')).text).toContain('Wide text.');
  });

  it('does not take other texts for messages', async () => {
    expect((await readBlocks('Note: buy bread\nDate: never\n\nFrom: the mill', 'note')).contentType).toBe('text/plain');
    expect((await readBlocks(head, 'note.txt')).contentType).toBe('text/plain');
  });

  it('survives nesting, endless headers and missing boundaries', async () => {
    let nested = 'Content-Type: text/plain\r\n\r\nDeep.';
    for (let depth = 0; depth < 90; depth += 1) {
      nested = `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\n${nested}\r\n--b${depth}--\r\n`;
    }
    expect((await readBlocks(head + nested, 'a.eml')).text).toContain('Deep.');
    const headers = `${head}${'X-A: b\r\n'.repeat(400_000)}\r\nText.`;
    await expect(readBlocks(headers, 'a.eml')).rejects.toMatchObject({ code: 'E_DOCUMENT_DAMAGED' });
    expect((await readBlocks(`${head}Content-Type: multipart/mixed; boundary=none\r\n\r\nText.`, 'a.eml')).title).toBe('The fähre');
  });
});

describe('mbox', () => {
  it('hands over its messages', async () => {
    const mailbox = `From a Mon Mar 14 09:30:00 2031\n${head}\nOne.\n\nFrom b Tue Mar 15 09:30:00 2031\n${head}\nTwo.\n`;
    const document = await readBlocks(mailbox, 'file');
    expect(document).toMatchObject({ contentType: 'application/mbox', text: 'message-1.eml\nmessage-2.eml' });
    const [, second] = document.members ?? [];
    expect((await readBlocks(second?.bytes ?? '', second?.name ?? '')).lines.at(-1)).toBe('paragraph: Two.');
  });
});

describe('msg', () => {
  it('reads a message of Outlook with its attachment', async () => {
    const bytes = writeMsg(
      { '0037': 'The ferry', '1000': 'It leaves at 7:40.', '0C1A': 'P. Erson', '5D01': 'p@example.org' },
      { name: 'fares.csv', content: 'a,b' },
    );
    const document = await readBlocks(bytes, 'file');
    expect(document.contentType).toBe('application/vnd.ms-outlook');
    expect(document.lines[0]).toBe('heading1: The ferry');
    expect(document.text).toContain('It leaves at 7:40.');
    expect(document.text).toContain('P. Erson');
    expect(document.members?.map(({ name, bytes: content }) => [name, Buffer.from(content).toString()])).toEqual([['fares.csv', 'a,b']]);
  });

  it('refuses an empty one and one that was cut off', async () => {
    await expect(readBlocks(writeMsg({}), 'a.msg')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
    const whole = writeMsg({ '0037': 'x'.repeat(20_000) });
    await expect(readBlocks(whole.subarray(0, 1_000), 'a.msg')).rejects.toMatchObject({
      code: expect.stringMatching(/DAMAGED|UNSUPPORTED/),
    });
  });
});
