import { fileURLToPath } from 'node:url';

/**
 * Whether a source is the one that is expected: its whole key, its last path segments, or a pattern with `*` over its file name.
 * `source` is a path, a file address or the program's own id.
 */
export function isSource(source: string, expected: string): boolean {
  const path = pathOf(source).replaceAll('\\', '/');
  const wanted = expected.replaceAll('\\', '/').replace(/^\.\//, '');
  if (!wanted.includes('*')) return path === wanted || path.endsWith(`/${wanted}`);
  const pattern = wanted.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const name = path.slice(path.lastIndexOf('/') + 1);
  return new RegExp(`^${pattern.join('.*')}$`, 'u').test(wanted.includes('/') ? path : name);
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
