import iconv from 'iconv-lite';
import { MillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { openCompoundFile } from '../compound-file.ts';
import { createDocumentBuilder } from '../document-builder.ts';
import type { DocumentProperties } from './open-package.ts';
import { summaryInformation } from './summary-information.ts';

/** Types of the records of PowerPoint 97 to 2003 that are read. */
const records = {
  slideListWithText: 0x0ff0,
  slidePersist: 0x03f3,
  textHeader: 0x0f9f,
  textCharacters: 0x0fa0,
  textBytes: 0x0fa8,
  drawing: 0x040c,
  slide: 0x03ee,
  notes: 0x03f0,
  mainMaster: 0x03f8,
} as const;

interface TextRecord {
  readonly text: string;
  /** 0 and 6 are titles. */
  readonly kind: number;
  /** Where the record lies: of a slide's outline, a drawing on it, or its notes. */
  readonly place: 'outline' | 'drawing' | 'notes';
  readonly slide: number;
}

const maxDepth = 64;

/** Presentations of PowerPoint 97 to 2003: the outline of each slide as a page, then what was drawn as text and noted. */
export const parsePpt: FormatParser['parse'] = (bytes, { name }) => {
  let stream: Uint8Array | undefined;
  let summary: DocumentProperties;
  try {
    const file = openCompoundFile(bytes);
    stream = file.read('PowerPoint Document');
    summary = summaryInformation(file);
  } catch (error) {
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} cannot be read as a presentation.`, { cause: error });
  }
  if (stream === undefined) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is a presentation without its slides.`);
  const texts = readTexts(Buffer.from(stream));
  const builder = createDocumentBuilder();
  const outlined = new Set<string>();
  let slide = 0;
  for (const one of texts.filter(({ place }) => place === 'outline')) {
    for (; slide < one.slide; slide += 1) builder.startPage();
    outlined.add(one.text);
    if (one.kind === 0 || one.kind === 6) builder.add('heading', one.text.replace(/\s+/g, ' '), { level: 1 });
    else for (const line of one.text.split('\n')) builder.add('paragraph', line, { close: true });
  }
  for (const one of texts) {
    if (one.place === 'outline' || outlined.has(one.text) || isPlaceholder(one.text)) continue;
    outlined.add(one.text);
    builder.add(one.place === 'notes' ? 'quote' : 'paragraph', one.place === 'notes' ? `Notes: ${one.text}` : one.text);
  }
  return Promise.resolve({ ...builder.build(), ...summary, warnings: [] });
};

/** What masters invite to type, and fields that a program fills in. */
function isPlaceholder(text: string): boolean {
  return /^(?:Click to edit|\*|‹#›)/.test(text) || text.trim() === '';
}

function readTexts(stream: Buffer): TextRecord[] {
  const texts: TextRecord[] = [];
  let slide = 0;
  let kind = -1;
  function walk(start: number, end: number, place: TextRecord['place'] | undefined, depth: number): void {
    let at = start;
    while (at + 8 <= end) {
      const version = stream.readUInt16LE(at) & 0xf;
      const instance = stream.readUInt16LE(at) >> 4;
      const type = stream.readUInt16LE(at + 2);
      const contentStart = at + 8;
      const contentEnd = Math.min(contentStart + stream.readUInt32LE(at + 4), end);
      at = contentEnd;
      if (type === records.slidePersist && place === 'outline') slide += 1;
      else if (type === records.textHeader && contentStart + 4 <= contentEnd) kind = stream.readUInt32LE(contentStart);
      else if (type === records.textCharacters || type === records.textBytes) {
        const content = stream.subarray(contentStart, contentEnd);
        const text = type === records.textCharacters ? content.toString('utf16le') : iconv.decode(content, 'latin1');
        if (place !== undefined) texts.push({ text: text.replace(/[\r\v]/g, '\n').trim(), kind, place, slide });
      } else if (version === 0xf && depth < maxDepth) {
        // Instance 0 lists slides, 1 masters, 2 notes.
        const inside = type === records.slideListWithText ? (instance === 0 ? 'outline' : undefined) : placeOf(type, place);
        walk(contentStart, contentEnd, inside, depth + 1);
      }
    }
  }
  walk(0, stream.length, undefined, 0);
  return texts;
}

function placeOf(type: number, above: TextRecord['place'] | undefined): TextRecord['place'] | undefined {
  if (type === records.slide) return 'drawing';
  if (type === records.notes) return 'notes';
  return type === records.mainMaster ? undefined : above;
}
