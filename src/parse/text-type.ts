/** Tells kinds of text apart by their beginning. Pure; `beginning` is the decoded start of the file, some thousand characters. */

const headerNames =
  /^(?:from|to|cc|subject|date|received|return-path|message-id|mime-version|content-type|delivered-to|reply-to|x-[\w-]+|dkim-signature|arc-[\w-]+|sender|authentication-results):/i;

/** An internet message: it begins with header lines, at least two of the usual ones among the first. */
export function isMessage(beginning: string): boolean {
  const lines = beginning.replace(/^\uFEFF/, '').split(/\r?\n/, 40);
  let known = 0;
  for (const line of lines) {
    if (line === '') break;
    if (/^[ \t]/.test(line)) continue;
    if (!/^[\w-]{1,60}:/.test(line)) return false;
    if (headerNames.test(line)) known += 1;
  }
  return known >= 2 && /^(?:from|received|message-id|return-path|delivered-to|mime-version|date):/im.test(beginning);
}

/** A mailbox: messages, each after a line "From sender date". */
export function isMailbox(beginning: string): boolean {
  const end = beginning.indexOf('\n');
  return /^From \S+ .*\d{4}/.test(beginning) && end !== -1 && isMessage(beginning.slice(end + 1));
}

/** The media type of a text without a telling name. */
export function textTypeByContent(beginning: string, isWhole: boolean): string {
  const text = beginning.replace(/^\uFEFF/, '').trimStart();
  if (/^(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->)[\s\S])*-->\s*)*<(?:!doctype\s+html|html)\b/i.test(text)) return 'text/html';
  if (/^<\?xml\s/.test(text) || /^<!DOCTYPE\s+(?!html)/i.test(text)) return 'application/xml';
  if (isMailbox(text)) return 'application/mbox';
  if (isMessage(text)) return 'message/rfc822';
  if (/^WEBVTT(?:\s|$)/.test(text)) return 'text/vtt';
  if (/^[[{]/.test(text)) return jsonType(text, isWhole) ?? 'text/plain';
  return 'text/plain';
}

function jsonType(text: string, isWhole: boolean): string | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const complete = isWhole ? lines : lines.slice(0, -1);
  if (complete.length > 1 && complete.every((line) => line.startsWith('{') && isJson(line))) return 'application/x-ndjson';
  if (isWhole) return isJson(text) ? 'application/json' : undefined;
  // Only the start is there: an object's first key, or an array's first value.
  return /^(?:\{\s*"(?:[^"\\]|\\.){0,500}"\s*:|\[\s*(?:[{["\d-]|true\b|false\b|null\b))/.test(text) ? 'application/json' : undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
