import { parse } from 'parse5';
import type { ParsedContent } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from '../document-builder.ts';
import { addHtmlBlocks, elements } from '../html-blocks.ts';
import { type ListedMember, memberPortion } from '../members.ts';
import { paragraphs } from '../plain-text.ts';

/** A message, whatever format it came in. */
export interface Message {
  readonly subject: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly cc: string | undefined;
  /** As it is shown. */
  readonly date: string | undefined;
  /** Ms UTC. */
  readonly sentAt: number | undefined;
  readonly text: string | undefined;
  readonly html: string | undefined;
  /** Writes the body where there is neither text nor HTML. */
  readonly addBody?: (builder: DocumentBuilder) => void;
  readonly attachments: readonly ListedMember[];
}

/** Subject as heading, the people and the date, the body, the names of the attachments. */
export async function messageDocument(message: Message, membersFrom: number): Promise<ParsedContent> {
  const builder = createDocumentBuilder();
  const subject = message.subject?.replace(/\s+/g, ' ').trim() ?? '';
  if (subject !== '') builder.add('heading', subject, { level: 1 });
  const { from, to, cc, date, attachments } = message;
  const names = attachments.map(({ name }) => name).join(', ');
  const lines = Object.entries({ From: from, To: to, Cc: cc, Date: date, Attachments: names }).flatMap(([name, value]) =>
    value === undefined || value.trim() === '' ? [] : [`${name}: ${value.replace(/\s+/g, ' ').trim()}`],
  );
  builder.add('paragraph', lines.join('\n'));
  addBody(builder, message);
  const portion = attachments.length === 0 ? {} : await memberPortion(attachments, membersFrom);
  return {
    ...builder.build(),
    ...(subject === '' ? {} : { title: canonicalText(subject) }),
    ...(from === undefined || from.trim() === '' ? {} : { author: canonicalText(from).trim() }),
    ...(message.sentAt === undefined ? {} : { createdAt: message.sentAt }),
    ...portion,
    warnings: [],
  };
}

/** The plain text, unless only the HTML has the tables. */
function addBody(builder: DocumentBuilder, { text, html, addBody: write }: Message): void {
  const page = html === undefined ? undefined : parse(html);
  const hasTable = page !== undefined && [...elements(page)].some(({ tagName }) => tagName === 'th');
  if (text !== undefined && text.trim() !== '' && !hasTable) addText(builder, text);
  else if (page !== undefined) addHtmlBlocks(builder, page);
  else write?.(builder);
}

function addText(builder: DocumentBuilder, text: string): void {
  const canonical = canonicalText(text);
  for (const { start, end } of paragraphs(canonical)) {
    const paragraph = canonical.slice(start, end);
    builder.add(paragraph.startsWith('>') ? 'quote' : 'paragraph', paragraph);
  }
}

const endings: Readonly<Record<string, string>> = {
  'application/pdf': 'pdf',
  'message/rfc822': 'eml',
  'text/calendar': 'ics',
  'text/csv': 'csv',
  'text/html': 'html',
  'text/plain': 'txt',
};

/** A name for an attachment without one, and an ending for one that lacks it. */
export function attachmentName(name: string | null | undefined, number: number, contentType: string): string {
  const given = name?.trim() ?? '';
  if (given.includes('.')) return given;
  const ending = endings[contentType];
  return `${given === '' ? `attachment-${number}` : given}${ending === undefined ? '' : `.${ending}`}`;
}
