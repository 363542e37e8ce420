import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Where tests, and the threads and processes they start, find the sources without their types: as in a clone, see `bin/millrace.js`. */
export const sourceCache =
  process.env['NODE_COMPILE_CACHE'] ?? fileURLToPath(new URL('../../node_modules/.cache/millrace-sources', import.meta.url));

/**
 * Fills the cache before the first test, in one process of one thread. Node.js strips types in WebAssembly, whose code all threads
 * of a process share, and V8 may end the process where some compile it while others end: "Check failed: jit_page.has_value()",
 * below `WasmEngine::FreeDeadCode` (nodejs/node#64500). Threads that find their sources stripped need no WebAssembly. The package
 * holds JavaScript and has none of this.
 */
export default function stripSources(): void {
  execFileSync(process.execPath, ['--conditions=millrace-source', fileURLToPath(new URL('load-sources.ts', import.meta.url))], {
    env: { ...process.env, NODE_COMPILE_CACHE: sourceCache, NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 300_000,
  });
}
