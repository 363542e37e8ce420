import { openCompoundFile } from './compound-file.ts';
import { openZip } from './zip.ts';

const openXml = 'application/vnd.openxmlformats-officedocument';

/** A part that only one format has → its media type. */
const zipFormats: readonly (readonly [string, string])[] = [
  ['word/document.xml', `${openXml}.wordprocessingml.document`],
  ['ppt/presentation.xml', `${openXml}.presentationml.presentation`],
  ['xl/workbook.xml', `${openXml}.spreadsheetml.sheet`],
  ['xl/workbook.bin', 'application/vnd.ms-excel.sheet.binary.macroenabled.12'],
  ['META-INF/container.xml', 'application/epub+zip'],
];

/** Media types that an entry named `mimetype` may state. Templates are read as documents. */
const statedTypes = /^application\/(?:epub\+zip|vnd\.oasis\.opendocument\.(?:text|presentation|spreadsheet))/;

/** What a zip archive is: a document made of parts, or an archive. `undefined` where it cannot be opened. */
export async function zipType(bytes: Uint8Array, name: string): Promise<string | undefined> {
  try {
    const archive = await openZip(bytes, name);
    const stated = statedTypes.exec((await archive.readIfThere('mimetype'))?.toString('latin1').trim() ?? '')?.[0];
    if (stated !== undefined) return stated;
    const found = zipFormats.find(([part]) => archive.has(part));
    if (found !== undefined) return found[1];
    const types = (await archive.readIfThere('[Content_Types].xml'))?.toString('utf8') ?? '';
    // The main part may have any name; the list of parts says what it is.
    if (/wordprocessingml\.(?:document|template)|ms-word\.(?:document|template)/.test(types)) return `${openXml}.wordprocessingml.document`;
    if (/presentationml\.(?:presentation|slideshow|template)|ms-powerpoint/.test(types)) return `${openXml}.presentationml.presentation`;
    if (/spreadsheetml\.(?:sheet|template)|ms-excel/.test(types)) return `${openXml}.spreadsheetml.sheet`;
    return 'application/zip';
  } catch {
    // The parser of archives says what is wrong with it.
    return undefined;
  }
}

/** A stream or storage at the root of a compound file → media type. */
const compoundFormats: readonly (readonly [RegExp, string])[] = [
  [/^EncryptedPackage$/i, 'application/x-encrypted-office'],
  [/^__properties_version1\.0$/i, 'application/vnd.ms-outlook'],
  [/^WordDocument$/i, 'application/msword'],
  [/^PowerPoint Document$/i, 'application/vnd.ms-powerpoint'],
  [/^(?:Workbook|Book)$/i, 'application/vnd.ms-excel'],
];

/** What a compound file (the old Office formats, Outlook messages) is. */
export function compoundType(bytes: Uint8Array): string {
  const names = rootNames(bytes);
  return compoundFormats.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1] ?? 'application/x-cfb';
}

function rootNames(bytes: Uint8Array): string[] {
  try {
    return openCompoundFile(bytes)
      .paths.filter((path) => path.length === 1)
      .map(([name = '']) => name);
  } catch {
    // A damaged directory: its records hold the names as UTF-16.
    const buffer = Buffer.from(bytes);
    const known = ['EncryptedPackage', '__properties_version1.0', 'WordDocument', 'PowerPoint Document', 'Workbook', 'Book'];
    return known.filter((name) => buffer.includes(Buffer.from(`${name}\0`, 'utf16le')));
  }
}
