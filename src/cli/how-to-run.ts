import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a reader types, without arguments. */
export interface HowToRun {
  readonly millrace: string;
  /** Options may follow at once. */
  readonly demo: string;
}

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));

/** A clone has no `millrace` on the path: there the file is named, as seen from `workingDirectory`. `root` holds `package.json`. */
export function howToRun(workingDirectory: string, root = packageRoot): HowToRun {
  // As bin/millrace.js tells them apart: the package has no scripts.
  if (!existsSync(join(root, 'scripts', 'private-node.js'))) return { millrace: 'millrace', demo: 'millrace demo' };
  const millrace = `node ${relative(workingDirectory, join(root, 'bin', 'millrace.js'))}`;
  return { millrace, demo: relative(workingDirectory, root) === '' ? 'npm run demo --' : `${millrace} demo` };
}
