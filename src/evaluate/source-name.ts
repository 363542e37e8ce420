import { fileURLToPath } from 'node:url';

/**
 * Whether a source is the one that is expected: its whole key, its last path segments, or a pattern with `*` over its file name or, where it has
 * a slash, over its last path segments.
 * `source` is a path, a file address or the program's own id.
 */
export function isSource(source: string, expected: string): boolean {
  const path = pathOf(source).replaceAll('\\', '/');
  const wanted = expected.replaceAll('\\', '/').replace(/^\.\//, '');
  if (!wanted.includes('*')) return path === wanted || path.endsWith(`/${wanted}`);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const parts = wanted.split('*');
  if (!wanted.includes('/')) return holdsInOrder(name, parts);
  return [-1, ...[...path.matchAll(/\//g)].map(({ index }) => index)].some((before) => holdsInOrder(path.slice(before + 1), parts));
}

/** Whether the text begins with the first part, ends with the last one, and has the others between them in their order: linear, unlike `.*`. */
function holdsInOrder(text: string, parts: readonly string[]): boolean {
  const [first = '', ...others] = parts;
  const last = others.pop() ?? '';
  if (!text.startsWith(first)) return false;
  let position = first.length;
  for (const part of others) {
    const found = text.indexOf(part, position);
    if (found === -1) return false;
    position = found + part.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}

/** Whether it is one of those that are expected. */
export function isOneOf(source: string, expected: readonly string[]): boolean {
  return expected.some((one) => isSource(source, one));
}

function pathOf(source: string): string {
  if (!source.startsWith('file://') || !URL.canParse(source)) return source;
  try {
    return fileURLToPath(source);
  } catch {
    // An id that only looks like the address of a file.
    return source;
  }
}
