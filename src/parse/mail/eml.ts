import PostalMime, { type Address, type Attachment } from 'postal-mime';
import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { decodeText, detectEncoding } from '../decode-text.ts';
import { createDocumentBuilder } from '../document-builder.ts';
import { memberPortion } from '../members.ts';
import { unpackLimits } from '../unpack-limits.ts';
import { attachmentName, messageDocument } from './message-document.ts';

const mimeLimits = { forceRfc822Attachments: true, maxNestingDepth: 100, maxHeadersSize: 2 * 1024 * 1024 } as const;

/** An internet message: its text is the document, its attachments are members. */
export const parseEml: FormatParser['parse'] = async (bytes, { name, membersFrom = 0 }) => {
  let email: Awaited<ReturnType<typeof PostalMime.parse>>;
  try {
    email = await PostalMime.parse(inBytesOfMail(bytes), mimeLimits);
  } catch (error) {
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} cannot be read as a message: ${(error as Error).message}`, { cause: error });
  }
  const time = email.date === undefined ? Number.NaN : Date.parse(email.date);
  const attachments = email.attachments.filter((attachment) => !isDecoration(attachment));
  return messageDocument(
    {
      subject: email.subject,
      from: people(email.from === undefined ? [] : [email.from]),
      to: people(email.to ?? []),
      cc: people(email.cc ?? []),
      date: Number.isFinite(time) ? new Date(time).toISOString().slice(0, 16).replace('T', ' ') : email.date,
      sentAt: Number.isFinite(time) ? time : undefined,
      text: email.text,
      html: email.html,
      attachments: attachments.map((attachment, index) => ({
        name: attachmentName(attachment.filename, index + 1, attachment.mimeType),
        contentType: attachment.mimeType,
        read: () => Promise.resolve(contentOf(attachment)),
      })),
    },
    membersFrom,
  );
};

/** Some programs save messages as UTF-16, which no mail program sends. */
function inBytesOfMail(bytes: Uint8Array): Uint8Array {
  const encoding = bytes.includes(0) ? detectEncoding(bytes) : undefined;
  return encoding !== undefined && /^utf-(?:16|32)/.test(encoding) ? new TextEncoder().encode(decodeText(bytes, encoding)) : bytes;
}

/** Logos inside the text, and signatures for programs. */
function isDecoration({ mimeType, related }: Attachment): boolean {
  return (related === true && mimeType.startsWith('image/')) || /(?:pkcs7|pgp)-signature$/.test(mimeType);
}

function contentOf({ content }: Attachment): Uint8Array<ArrayBuffer> {
  return typeof content === 'string' ? new TextEncoder().encode(content) : Uint8Array.from(new Uint8Array(content as ArrayBuffer));
}

function people(addresses: readonly Address[]): string {
  return addresses
    .flatMap((address) => (address.group === undefined ? [address] : address.group))
    .map(({ name, address }) => (name === '' || name === address ? address : `${name} <${address}>`))
    .join(', ');
}

/** A mailbox file: a message each member, in order. */
export const parseMailbox: FormatParser['parse'] = async (bytes, { name, membersFrom = 0 }) => {
  const buffer = Buffer.from(bytes);
  const starts: number[] = [];
  for (let at = buffer.indexOf('From '); at !== -1; at = buffer.indexOf('From ', at + 1)) {
    if (at === 0 || buffer[at - 1] === 0x0a) starts.push(at);
    if (starts.length > unpackLimits.entries) break;
  }
  if (starts.length > unpackLimits.entries) {
    throw new MillraceError('E_DOCUMENT_TOO_LARGE', `${name} holds more than ${unpackLimits.entries} messages.`);
  }
  const messages = starts.map((start, index) => {
    const headers = buffer.indexOf('\n', start) + 1;
    const content = Uint8Array.from(buffer.subarray(headers, starts[index + 1] ?? buffer.length));
    return { name: `message-${index + 1}.eml`, contentType: 'message/rfc822', read: () => Promise.resolve(content) };
  });
  const builder = createDocumentBuilder();
  for (const message of messages) builder.add('list-item', message.name, { close: true });
  return { ...builder.build(), ...(await memberPortion(messages, membersFrom)), warnings: [] };
};
