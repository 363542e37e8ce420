import { promisify } from 'node:util';
import { crc32, gunzip } from 'node:zlib';
import { createTarDecoder } from 'modern-tar';
import { MillraceError } from '../errors.ts';
import type { FormatParser, ParsedContent } from '../spec/parser.ts';
import { createDocumentBuilder } from './document-builder.ts';
import { type ListedMember, memberPortion } from './members.ts';
import { isTar } from './tar-header.ts';
import { createUnpackMeter, tooLarge, unpackLimits } from './unpack-limits.ts';
import { openZip, type ZipEntry } from './zip.ts';

const unzip = promisify(gunzip);

/** Names of files in a warning. */
const shownNames = 5;

/** What systems put beside the files of a user. */
const notForReading = /(?:^|\/)(?:__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\.git\/)/;

/** A container: its own text is the list of its files, which become documents of their own. */
export const parseZip: FormatParser['parse'] = async (bytes, { name, membersFrom = 0 }) => {
  const archive = await openZip(bytes, name);
  const listed = archive.entries
    .filter((entry) => !notForReading.test(entry.name))
    .map((entry) => ({ name: entry.name, read: () => readWhole(entry, name) }));
  const warnings = [...(archive.recovered ? [cutOff(name)] : []), ...guessedEnds(name, archive.guessed)];
  return container(name, listed, membersFrom, warnings);
};

/** What is not what was packed would be read as if somebody had written it. */
async function readWhole({ name, checksum, read }: ZipEntry, archive: string): Promise<Buffer<ArrayBuffer>> {
  const content = await read();
  if (checksum === undefined || crc32(content) === checksum) return content;
  throw new MillraceError('E_DOCUMENT_DAMAGED', `${archive} is damaged inside its part ${name}: its checksum is that of other content.`);
}

export const parseTar: FormatParser['parse'] = async (bytes, { name, membersFrom = 0 }) => tarContainer(bytes, name, membersFrom);

/** One packed file, or a packed tar archive. */
export const parseGzip: FormatParser['parse'] = async (bytes, { name, membersFrom = 0 }) => {
  const content = await unpack(bytes, name);
  if (isTar(content)) return tarContainer(content, name, membersFrom);
  const inner = name.replace(/^.*[\\/]/, '').replace(/\.gz$/i, '') || 'content';
  return container(name, [{ name: inner, read: () => Promise.resolve(content) }], membersFrom, []);
};

function cutOff(name: string): string {
  return `${name} is cut off or damaged: what is left of it was read.`;
}

function guessedEnds(name: string, entries: readonly string[]): string[] {
  if (entries.length === 0) return [];
  const shown = entries.slice(0, shownNames).join(', ');
  const which = entries.length > shownNames ? `${shown} and ${entries.length - shownNames} more` : shown;
  return [`${name} does not tell any more where ${which} ends: what lies before the next file of the archive was read.`];
}

async function tarContainer(bytes: Uint8Array, name: string, membersFrom: number): Promise<ParsedContent> {
  const { members, whole } = await tarMembers(bytes, name);
  return container(name, members, membersFrom, whole ? [] : [cutOff(name)]);
}

async function container(
  name: string,
  listed: readonly ListedMember[],
  membersFrom: number,
  warnings: readonly string[],
): Promise<ParsedContent> {
  if (listed.length === 0) throw new MillraceError('E_DOCUMENT_EMPTY', `${name} holds no files.`);
  const builder = createDocumentBuilder();
  for (const member of listed) builder.add('list-item', member.name, { close: true });
  const { text, blocks } = builder.build();
  const portion = await memberPortion(listed, membersFrom);
  return { text, blocks, pages: [{ number: 1, start: 0, end: text.length }], ...portion, warnings: [...warnings] };
}

async function unpack(bytes: Uint8Array, name: string): Promise<Buffer<ArrayBuffer>> {
  const most = Math.min(unpackLimits.bytes, Math.max(unpackLimits.ratioFromBytes, unpackLimits.ratio * bytes.length));
  try {
    return await unzip(bytes, { maxOutputLength: most });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(name, `more than ${most} bytes`);
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is not a complete gzip file: ${(error as Error).message}.`, { cause: error });
  }
}

async function tarMembers(
  bytes: Uint8Array,
  name: string,
): Promise<{ readonly members: readonly ListedMember[]; readonly whole: boolean }> {
  const members: ListedMember[] = [];
  let whole = true;
  const meter = createUnpackMeter(bytes.length, name);
  try {
    const entries = new Blob([Buffer.from(bytes)]).stream().pipeThrough(createTarDecoder());
    for await (const { header, body } of entries) {
      const parts: Uint8Array[] = [];
      for await (const part of body) {
        meter.count(part.length);
        parts.push(part);
      }
      if (header.type !== 'file' || notForReading.test(header.name)) continue;
      if (members.length >= unpackLimits.entries) throw tooLarge(name, `more than ${unpackLimits.entries} entries`);
      const content = Buffer.concat(parts);
      whole &&= content.length === header.size;
      members.push({ name: header.name, read: () => Promise.resolve(content) });
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if (members.length === 0) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is not a complete tar archive.`, { cause: error });
    whole = false;
  }
  return { members, whole };
}
