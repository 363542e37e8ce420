#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=8
/**
 * Starts the command line: `dist/cli/main.js` in the published package, `src/cli/main.ts` in a clone. Plain JavaScript that old
 * versions of Node parse, because it is what refuses them, before anything native is loaded.
 * The started module exports `main(argumentList: string[]): Promise<number>`, which resolves with the exit code.
 * The flag keeps V8 from giving 100 MB to objects that do not live long, the variable keeps glibc from giving each thread a pool of memory of
 * its own that fills with holes; without them all works as well.
 */
import { existsSync } from 'node:fs';
import nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

const source = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../dist/cli/main.js', import.meta.url);
const bootstrap = new URL('../scripts/private-node.js', import.meta.url);
const argumentList = process.argv.slice(2);
const [major, minor] = process.versions.node.split('.').map(Number);

if (existsSync(source) && existsSync(bootstrap)) {
  await startInClone();
} else if (major > 22 || (major === 22 && minor >= 18)) {
  await start(built);
} else {
  process.stderr.write(
    `E_NODE_TOO_OLD: This is Node.js ${process.versions.node}, and millrace needs 22.18 or newer. Install a newer Node.js, for instance with the package manager of your system, and repeat the command.\n`,
  );
  process.exitCode = 1;
}

async function startInClone() {
  const { BootstrapError, endLike, findNode, runChild, sayOnStderr } = await import(bootstrap.href);
  try {
    const node = findNode();
    keepStrippedSources();
    if (node === process.execPath) await start(source);
    else {
      const env = { MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2' };
      endLike(await runChild(node, ['--max-semi-space-size=8', process.argv[1], ...argumentList], { env }));
    }
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    sayOnStderr(error.message);
    process.exitCode = 1;
  }
}

/**
 * Sources without their types are kept on disk: to strip them costs every thread of every process 17 MB. The first run fills the cache;
 * threads and children find it through the environment.
 */
function keepStrippedSources() {
  const folder = process.env.NODE_COMPILE_CACHE ?? fileURLToPath(new URL('../node_modules/.cache/millrace-sources', import.meta.url));
  process.env.NODE_COMPILE_CACHE = folder;
  nodeModule.enableCompileCache?.(folder);
}

function stopBeforeStart(_name, number) {
  process.stderr.write('Stopped. Nothing was begun.\n');
  process.exit(128 + number);
}

async function start(entry) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.on(name, stopBeforeStart);
  const { main } = await import(entry.href);
  const running = main(argumentList);
  // Only now, when it listens itself: a signal that arrived while modules were loaded reaches whoever listens next, or nobody.
  for (const name of signals) process.off(name, stopBeforeStart);
  process.exitCode = await running;
}
