import iconv from 'iconv-lite';
import { canonicalText } from '../canonical-text.ts';
import type { CompoundFile } from '../compound-file.ts';
import type { DocumentProperties } from './open-package.ts';

/** Numbers of the properties that are read, and of the one that tells the code page of the others. */
const numbers = { codePage: 1, title: 2, author: 4, createdAt: 12, modifiedAt: 13 } as const;
/** Types of their values. */
const types = { int16: 2, text: 0x1e, unicode: 0x1f, time: 0x40 } as const;

/** Milliseconds from the year 1601 to 1970. */
const epochMs = 11_644_473_600_000;
const maxTextBytes = 4_096;

/** Title, author and times as the old Office formats keep them. What is damaged is left out. */
export function summaryInformation(file: CompoundFile): DocumentProperties {
  const content = file.read('\u0005SummaryInformation');
  if (content === undefined) return {};
  const places = placesOf(Buffer.from(content));
  const codePage = places.get(numbers.codePage);
  const encoding = codePage?.type === types.int16 && codePage.value.length >= 2 ? codePage.value.readUInt16LE(0) : 1252;
  const title = text(places.get(numbers.title), encoding);
  const author = text(places.get(numbers.author), encoding);
  const createdAt = time(places.get(numbers.createdAt));
  const modifiedAt = time(places.get(numbers.modifiedAt));
  return {
    ...(title === undefined ? {} : { title }),
    ...(author === undefined ? {} : { author }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

interface Property {
  readonly type: number;
  /** From the value to the end of the stream. */
  readonly value: Buffer;
}

/** Of the first section: its place behind a header of 44 bytes, then its length, their count, and number and place of each. */
function placesOf(stream: Buffer): ReadonlyMap<number, Property> {
  const properties = new Map<number, Property>();
  if (stream.length < 48) return properties;
  const section = stream.subarray(Math.min(stream.readUInt32LE(44), stream.length));
  if (section.length < 8) return properties;
  const count = Math.min(section.readUInt32LE(4), Math.floor((section.length - 8) / 8));
  for (let index = 0; index < count; index += 1) {
    const place = section.readUInt32LE(8 + 8 * index + 4);
    if (place + 4 > section.length) continue;
    properties.set(section.readUInt32LE(8 + 8 * index), { type: section.readUInt32LE(place), value: section.subarray(place + 4) });
  }
  return properties;
}

function text(property: Property | undefined, codePage: number): string | undefined {
  if (property === undefined || property.value.length < 4) return undefined;
  const isUnicode = property.type === types.unicode || (property.type === types.text && codePage === 1200);
  if (!isUnicode && property.type !== types.text) return undefined;
  const bytes = property.value.readUInt32LE(0) * (property.type === types.unicode ? 2 : 1);
  const value = property.value.subarray(4, 4 + Math.min(bytes, maxTextBytes));
  const named = codePage === 65_001 ? 'utf8' : `cp${codePage}`;
  const decoded = iconv.decode(value, isUnicode ? 'utf16le' : iconv.encodingExists(named) ? named : 'cp1252');
  const found = canonicalText(decoded.split('\0', 1)[0] ?? '')
    .replace(/\s+/g, ' ')
    .trim();
  return found === '' ? undefined : found;
}

function time(property: Property | undefined): number | undefined {
  if (property?.type !== types.time || property.value.length < 8) return undefined;
  const milliseconds = Number(property.value.readBigUInt64LE(0) / 10_000n) - epochMs;
  // Zero is none.
  return milliseconds > -epochMs && milliseconds < 8.64e15 ? milliseconds : undefined;
}
