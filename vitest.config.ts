import { defineConfig } from 'vitest/config';
import { sourceCache } from './test/support/strip-sources.ts';

/** Suites that are asked for by name: `npm run test:system`, `test:corpora`, `test:long`. */
const optIn = ['system', 'corpora', 'long'];
const suite = process.env['MILLRACE_SUITE'];

export default defineConfig({
  // `import … from 'millrace'` means the sources, as with --conditions=millrace-source.
  ssr: { resolve: { conditions: ['millrace-source', 'module', 'node', 'development|production'] } },
  test: {
    include: suite === undefined ? ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'] : [`test/${suite}/**/*.test.ts`],
    exclude: ['**/node_modules/**', '**/dist/**', ...(suite === undefined ? optIn.map((name) => `test/${name}/**`) : [])],
    // Native addons and children: one process a test file, two at a time on any machine, so that timings are comparable.
    pool: 'forks',
    // A rejection that nobody hears fails the run, and so does a listener too many.
    execArgv: ['--unhandled-rejections=strict', '--trace-warnings'],
    // Before the first of them starts: test/support/strip-sources.ts says why.
    globalSetup: ['test/support/strip-sources.ts'],
    env: { NODE_COMPILE_CACHE: sourceCache },
    setupFiles: ['test/support/no-warnings.ts'],
    maxWorkers: 2,
    // Those that start several processes take a quarter of it on a busy machine.
    testTimeout: suite === undefined ? 60_000 : 600_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    restoreMocks: true,
    unstubEnvs: true,
  },
});
