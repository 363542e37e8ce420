import { decompressRTF } from '@kenjiuno/decompressrtf';
import type { FieldsData } from '@kenjiuno/msgreader';
import { createRequire } from 'node:module';
import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { decodeText, detectEncoding } from '../decode-text.ts';
import { readRtf } from '../rtf.ts';
import { attachmentName, messageDocument } from './message-document.ts';

/** CommonJS with a default export, which tools that load modules treat differently; `require` gives the same everywhere. */
const { default: MsgReader } = createRequire(import.meta.url)('@kenjiuno/msgreader') as typeof import('@kenjiuno/msgreader');

/** A message of Outlook: its text is the document, its attachments are members. */
export const parseMsg: FormatParser['parse'] = async (bytes, { name, membersFrom = 0 }) => {
  let reader: InstanceType<typeof MsgReader>;
  let fields: FieldsData;
  try {
    reader = new MsgReader(Uint8Array.from(bytes).buffer);
    fields = reader.getFileData();
  } catch (error) {
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} cannot be read as an Outlook message.`, { cause: error });
  }
  const time = Date.parse(fields.clientSubmitTime ?? fields.messageDeliveryTime ?? fields.creationTime ?? '');
  const sentAt = Number.isFinite(time) ? time : undefined;
  const html = fields.bodyHtml ?? (fields.html === undefined ? undefined : decodeText(fields.html, detectEncoding(fields.html) ?? 'utf-8'));
  const { compressedRtf } = fields;
  return messageDocument(
    {
      subject: fields.subject,
      from: person(fields.senderName, fields.senderSmtpAddress ?? fields.senderEmail),
      to: recipients(fields, 'to'),
      cc: recipients(fields, 'cc'),
      date: sentAt === undefined ? undefined : new Date(sentAt).toISOString().slice(0, 16).replace('T', ' '),
      sentAt,
      text: fields.body,
      html,
      ...(compressedRtf === undefined
        ? {}
        : {
            addBody(builder) {
              const rtf = readRtf(Buffer.from(decompressRTF(Array.from(compressedRtf)))).builder.build();
              for (const { kind, level, start, end } of rtf.blocks) {
                builder.add(kind, rtf.text.slice(start, end), level === undefined ? {} : { level });
              }
            },
          }),
      attachments: (fields.attachments ?? []).flatMap((attachment, index) => {
        if (attachment.attachmentHidden === true) return [];
        const shown = attachmentName(attachment.fileName ?? attachment.name, index + 1, attachment.attachMimeTag ?? '');
        const isMessage = attachment.innerMsgContent === true;
        return [
          {
            name: isMessage && !/\.msg$/i.test(shown) ? `${shown}.msg` : shown,
            read: () => Promise.resolve(Uint8Array.from(reader.getAttachment(attachment).content)),
          },
        ];
      }),
    },
    membersFrom,
  );
};

function person(name: string | undefined, address: string | undefined): string | undefined {
  const readable = address?.includes('@') === true ? address : undefined;
  if (name === undefined || name === readable) return readable;
  return readable === undefined ? name : `${name} <${readable}>`;
}

function recipients({ recipients: all = [] }: FieldsData, kind: 'to' | 'cc'): string {
  return all
    .filter(({ recipType = 'to' }) => recipType === kind)
    .map(({ name, smtpAddress, email }) => person(name, smtpAddress ?? email) ?? '')
    .filter((text) => text !== '')
    .join(', ');
}
