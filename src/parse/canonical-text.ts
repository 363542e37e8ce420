/**
 * Canonical text, as defined in `spec/parser.ts`. Pure and idempotent. Joining canonical pieces with white space between them
 * gives canonical text again (nothing composes with white space), which is how parsers build documents from pieces.
 */

/** U+0000, CR, soft hyphen, zero-width space, non-joiner, joiner, word joiner, byte order mark; Latin, Armenian, Hebrew and Arabic ligature and presentation forms. */
const needsReplacement = /[\0\r\u00AD\u200B-\u200D\u2060\uFEFF\uFB00-\uFB17\uFB4F-\uFBB1\uFBD3-\uFD3D\uFD50-\uFDC7\uFE80-\uFEFC]/;
const removed = /[\u00AD\u200B-\u200D\u2060\uFEFF]+/g;
const presentationForms = /[\uFB00-\uFB17\uFB4F-\uFBB1\uFBD3-\uFD3D\uFD50-\uFDC7\uFE80-\uFEFC]+/g;

export function canonicalText(text: string): string {
  let result = text.toWellFormed();
  if (needsReplacement.test(result)) {
    result = result
      .replace(/\r\n?/g, '\n')
      .replace(/\0/g, '\uFFFD')
      .replace(removed, '')
      .replace(presentationForms, (forms) => forms.normalize('NFKC'));
  }
  return result.normalize('NFC');
}

const whiteSpaceOnly = /^\s*$/;

/** True where the text holds nothing to read. */
export function isBlank(text: string): boolean {
  return whiteSpaceOnly.test(text);
}
