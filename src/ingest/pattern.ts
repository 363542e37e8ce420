import { relative, sep } from 'node:path';
import picomatch from 'picomatch';

/** Whether a file below `root` matches; a pattern that names a folder means all below it. Characters of the root mean themselves. */
export function createPatternTest(root: string, pattern: string): (file: string) => boolean {
  const plain = withoutEndingSlash(pattern);
  const isMatch = picomatch(plain.endsWith('*') ? plain : [plain, `${plain}/**`]);
  return (file) => isMatch(withSlashes(relative(root, file)));
}

/** Whether a folder below `root` can hold a match, so that folders are not walked in vain. */
export function createFolderTest(root: string, pattern: string): (folder: string) => boolean {
  // A group may hold slashes: then all are walked.
  if (/[({]/u.test(pattern)) return () => true;
  const tests = withoutEndingSlash(pattern)
    .split('/')
    .map((segment) => (segment.includes('**') ? undefined : picomatch(segment)));
  return (folder) => {
    for (const [depth, name] of withSlashes(relative(root, folder)).split('/').entries()) {
      const test = tests[depth];
      // Any depth, or below what is named as a whole.
      if (test === undefined) return depth < tests.length || !pattern.endsWith('*');
      if (!test(name)) return false;
    }
    return true;
  };
}

function withoutEndingSlash(pattern: string): string {
  return pattern.replace(/(?<!\/)\/+$/u, '');
}

function withSlashes(path: string): string {
  return path.split(sep).join('/');
}
