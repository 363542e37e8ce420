import iconv from 'iconv-lite';
import type { FormatParser, ParsedContent } from '../spec/parser.ts';
import { canonicalText } from './canonical-text.ts';
import { createDocumentBuilder, type DocumentBuilder } from './document-builder.ts';

import { plausiblePages } from './office/page-breaks.ts';

/** Rich Text Format: paragraphs, headings by outline level, tables, notes, pages where the document breaks them. */
export const parseRtf: FormatParser['parse'] = (bytes) => {
  const { builder, info } = readRtf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const { text, blocks, pages } = builder.build();
  return Promise.resolve({ text, blocks, pages: plausiblePages(pages, text.length, false), ...info, warnings: [] });
};

type Info = Pick<ParsedContent, 'title' | 'author' | 'createdAt' | 'modifiedAt'>;

/** Groups whose content is no text of the document. A group that begins with `\*` is skipped too, unless it is known. */
const skippedGroups = new Set(
  (
    'fonttbl colortbl stylesheet listtable listoverridetable revtbl rsidtbl generator pict object objdata header headerl headerr headerf ' +
    'footer footerl footerr footerf xmlnstbl themedata colorschememapping latentstyles datastore pgdsctbl filetbl mmathPr fldinst nonshppict ' +
    'bkmkstart bkmkend template private xe tc atnid atnauthor atnref atrfstart atrfend pntext listtext upr falt panose'
  ).split(' '),
);
const knownStarred = new Set(['shpinst', 'shptxt', 'annotation', 'fldrslt', 'ud', 'footnote']);

const charsets: Readonly<Record<number, string>> = {
  0: 'windows-1252',
  77: 'macroman',
  128: 'shift_jis',
  129: 'euc-kr',
  134: 'gbk',
  136: 'big5',
  161: 'windows-1253',
  162: 'windows-1254',
  163: 'windows-1258',
  177: 'windows-1255',
  178: 'windows-1256',
  186: 'windows-1257',
  204: 'windows-1251',
  222: 'windows-874',
  238: 'windows-1250',
};

const characters: Readonly<Record<string, string>> = {
  tab: '\t',
  line: '\n',
  lquote: '‘',
  rquote: '’',
  ldblquote: '“',
  rdblquote: '”',
  bullet: '•',
  endash: '–',
  emdash: '—',
  emspace: ' ',
  enspace: ' ',
  qmspace: ' ',
};

interface GroupState {
  skipped: boolean;
  /** The group that text goes to: the body, a note, or a property of the document. */
  target: 'body' | 'note' | 'comment' | 'info';
  property: string;
  encoding: string;
  /** Bytes that stand for a Unicode character to old readers, after each `\u`. */
  unicodeSkip: number;
  /** The group has begun and nothing of it was read yet. */
  fresh: boolean;
  starred: boolean;
}

/** Groups nest no deeper than this; deeper ones share the state of the deepest. */
const maxGroups = 5_000;

export function readRtf(bytes: Buffer): { readonly builder: DocumentBuilder; readonly info: Info } {
  const builder = createDocumentBuilder();
  const info: Record<string, string> = {};
  const times: Record<string, number[]> = {};
  const fonts = new Map<number, string>();
  let inFontTable = 0;
  let currentFont = 0;
  let defaultEncoding = 'windows-1252';
  let state: GroupState = {
    skipped: false,
    target: 'body',
    property: '',
    encoding: defaultEncoding,
    unicodeSkip: 1,
    fresh: false,
    starred: false,
  };
  const stack: GroupState[] = [];
  let overflow = 0;
  let skipCharacters = 0;
  let pendingBytes: number[] = [];
  let pendingEncoding = defaultEncoding;
  let text = '';
  let note = '';
  const notes: string[] = [];
  let outline: number | undefined;
  let inTable = false;
  let row: string[] = [];
  let rows: string[][] = [];

  function flushBytes(): void {
    if (pendingBytes.length === 0) return;
    const decoded = iconv.decode(Buffer.from(pendingBytes), pendingEncoding);
    pendingBytes = [];
    append(decoded);
  }

  function append(piece: string): void {
    if (state.skipped) return;
    if (state.target === 'info') {
      const value = info[state.property] ?? '';
      if (state.property !== '' && value.length < 2_000) info[state.property] = value + piece;
    } else if (state.target === 'body') text += piece;
    else note += piece;
  }

  function write(piece: string): void {
    flushBytes();
    append(piece);
  }

  function writeByte(byte: number): void {
    if (state.skipped) return;
    if (pendingEncoding !== state.encoding) {
      flushBytes();
      pendingEncoding = state.encoding;
    }
    pendingBytes.push(byte);
  }

  function endTable(): void {
    if (rows.length === 0) return;
    builder.addTable(rows, rows.length > 1 ? 1 : 0);
    rows = [];
  }

  function endParagraph(): void {
    flushBytes();
    if (state.target !== 'body') {
      note += '\n';
      return;
    }
    if (inTable) {
      text += '\n';
      return;
    }
    endTable();
    const content = text;
    text = '';
    if (outline !== undefined) builder.add('heading', content.replace(/\s+/g, ' ').trim(), { level: outline });
    else {
      const item = /^\s*(?:[•·▪◦‣]|\d{1,3}[.)])\t\s*/.exec(content);
      if (item === null) builder.add('paragraph', content);
      else
        builder.add(
          'list-item',
          content
            .trim()
            .replace(/^[•·▪◦‣]\t/, '- ')
            .replace('\t', ' '),
          { close: true },
        );
    }
    for (const one of notes.splice(0)) builder.add('paragraph', one);
  }

  function control(word: string, parameter: number | undefined): void {
    const { fresh, starred } = state;
    state.fresh = false;
    if (word === 'fonttbl') inFontTable = stack.length;
    if (inFontTable > 0 && stack.length >= inFontTable) {
      if (word === 'f' && parameter !== undefined) currentFont = parameter;
      if (word === 'fcharset' && parameter !== undefined) fonts.set(currentFont, charsets[parameter] ?? defaultEncoding);
    }
    if ((fresh && skippedGroups.has(word)) || (starred && !knownStarred.has(word))) {
      state.skipped = true;
      return;
    }
    if (starred) state.starred = false;
    if (fresh && (word === 'footnote' || word === 'annotation')) {
      flushBytes();
      state.target = word === 'footnote' ? 'note' : 'comment';
      note = '';
      return;
    }
    if (fresh && word === 'info') {
      state.target = 'info';
      return;
    }
    if (state.target === 'info') {
      if (fresh) state.property = word;
      if (parameter !== undefined && /^(?:yr|mo|dy|hr|min)$/.test(word)) (times[state.property] ??= []).push(parameter);
      return;
    }
    if (Object.hasOwn(characters, word)) {
      write(characters[word] ?? '');
      return;
    }
    switch (word) {
      case 'ansicpg':
        if (parameter !== undefined && iconv.encodingExists(`cp${parameter}`)) {
          defaultEncoding = `cp${parameter}`;
          state.encoding = defaultEncoding;
        }
        break;
      case 'mac':
        defaultEncoding = 'macroman';
        state.encoding = defaultEncoding;
        break;
      case 'f':
        flushBytes();
        state.encoding = fonts.get(parameter ?? 0) ?? defaultEncoding;
        break;
      case 'plain':
        flushBytes();
        state.encoding = defaultEncoding;
        break;
      case 'uc':
        state.unicodeSkip = Math.min(Math.max(parameter ?? 1, 0), 10);
        break;
      case 'u':
        flushBytes();
        if (parameter !== undefined) append(String.fromCharCode(parameter & 0xffff));
        skipCharacters = state.unicodeSkip;
        break;
      case 'par':
      case 'sect':
        endParagraph();
        break;
      case 'page':
        endParagraph();
        if (!inTable && state.target === 'body') builder.startPage();
        break;
      case 'pard':
        outline = undefined;
        inTable = false;
        break;
      case 'intbl':
        inTable = true;
        break;
      case 'outlinelevel':
        if (parameter !== undefined && parameter < 9) outline = Math.min(parameter + 1, 6);
        break;
      case 'cell':
      case 'nestcell':
        flushBytes();
        row.push(text);
        text = '';
        break;
      case 'row':
      case 'nestrow':
        flushBytes();
        if (row.length > 0) rows.push(row);
        row = [];
        inTable = false;
        break;
      case 'chftn':
        write(`[${notes.length + 1}]`);
        break;
      case 'v':
        // Hidden text, such as the entries of an index.
        if (parameter !== 0) state.skipped = true;
        break;
      case 'bin':
        position += Math.max(parameter ?? 0, 0);
        break;
      default:
        break;
    }
  }

  function open(): void {
    flushBytes();
    if (stack.length >= maxGroups) {
      overflow += 1;
      return;
    }
    stack.push(state);
    state = { ...state, fresh: true, starred: false };
  }

  function close(): void {
    flushBytes();
    if (overflow > 0) {
      overflow -= 1;
      return;
    }
    const closed = state;
    state = stack.pop() ?? state;
    if (stack.length < inFontTable) inFontTable = 0;
    if (closed.target !== state.target && (closed.target === 'note' || closed.target === 'comment') && note.trim() !== '') {
      notes.push(closed.target === 'comment' ? `Comment: ${note.trim()}` : note.trim());
      note = '';
    }
  }

  let position = 0;
  if (bytes.includes('\\page')) builder.startPage();
  while (position < bytes.length) {
    const byte = bytes[position] ?? 0;
    position += 1;
    if (byte === 0x7b) open();
    else if (byte === 0x7d) close();
    else if (byte === 0x5c) {
      const next = bytes[position] ?? 0;
      if (isLetter(next)) {
        const start = position;
        while (position < bytes.length && position - start < 32 && isLetter(bytes[position] ?? 0)) position += 1;
        const word = bytes.toString('latin1', start, position);
        const numberStart = position;
        if (bytes[position] === 0x2d) position += 1;
        while (position < bytes.length && position - numberStart < 11 && isDigit(bytes[position] ?? 0)) position += 1;
        const digits = bytes.toString('latin1', numberStart, position);
        if (bytes[position] === 0x20) position += 1;
        const parameter = digits === '' || digits === '-' ? undefined : Number(digits);
        control(word, parameter);
        continue;
      }
      position += 1;
      if (next === 0x27) {
        const value = Number.parseInt(bytes.toString('latin1', position, position + 2), 16);
        position += 2;
        if (skipCharacters > 0) skipCharacters -= 1;
        else if (Number.isFinite(value)) writeByte(value);
      } else if (next === 0x2a) state.starred = true;
      else if (next === 0x7e) write('\u00a0');
      else if (next === 0x5f) write('-');
      else if (next === 0x0a || next === 0x0d) endParagraph();
      else if (next === 0x5c || next === 0x7b || next === 0x7d) write(String.fromCharCode(next));
    } else if (byte !== 0x0a && byte !== 0x0d && byte !== 0) {
      state.fresh = false;
      if (skipCharacters > 0) skipCharacters -= 1;
      else writeByte(byte);
    }
  }
  inTable = false;
  if (row.length > 0) rows.push(row);
  if (text.trim() === '') endTable();
  endParagraph();
  endTable();
  return { builder, info: infoOf(info, times) };
}

function isLetter(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function infoOf(info: Readonly<Record<string, string>>, times: Readonly<Record<string, readonly number[]>>): Info {
  const title = canonicalText(info['title'] ?? '').trim();
  const author = canonicalText(info['author'] ?? '').trim();
  const createdAt = timeOf(times['creatim']);
  const modifiedAt = timeOf(times['revtim']);
  return {
    ...(title === '' ? {} : { title }),
    ...(author === '' ? {} : { author }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

/** Year, month, day, hour, minute, in the order in which every program writes them; taken as UTC. */
function timeOf(parts: readonly number[] | undefined): number | undefined {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0] = parts ?? [];
  return year < 1900 ? undefined : Date.UTC(year, month - 1, day, hour, minute);
}
