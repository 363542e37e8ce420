import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { howToRun } from './how-to-run.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'millrace-how-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('howToRun', () => {
  it('names the command in the installed package, wherever it is called', () => {
    expect(howToRun('/', root)).toEqual({ millrace: 'millrace', demo: 'millrace demo' });
    expect(howToRun(root, root)).toEqual({ millrace: 'millrace', demo: 'millrace demo' });
  });

  it('names what works in a clone, and from elsewhere the file in it', () => {
    mkdirSync(join(root, 'scripts'));
    writeFileSync(join(root, 'scripts', 'private-node.js'), '');
    const inClone = `node ${join('bin', 'millrace.js')}`;
    expect(howToRun(root, root)).toEqual({ millrace: inClone, demo: 'npm run demo --' });
    const outside = `node ${join('..', 'bin', 'millrace.js')}`;
    expect(howToRun(join(root, 'examples'), root)).toEqual({ millrace: outside, demo: `${outside} demo` });
  });

  it('takes the sources of this repository for a clone', () => {
    const here = fileURLToPath(new URL('../..', import.meta.url));
    expect(howToRun(here).demo).toBe('npm run demo --');
  });
});
