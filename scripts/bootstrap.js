/**
 * The one entry behind the npm scripts: `node scripts/bootstrap.js <task> [arguments…]`. Finds the right Node, installs the
 * dependencies, runs the task. Plain JavaScript that Node 18 parses; works without a network once set up.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BootstrapError, endLike, findNode, installDependencies, repositoryRoot, runChild, sayOnStderr } from './private-node.js';

/** The models the tests run on: plumbing, not quality. */
const testModels = ['smollm2-135m', 'minilm-l6'];

const ended = { code: 0, signal: null };

/** name → (node, arguments) → how the last program ended. */
const tasks = {
  demo: (node, rest) => runChild(node, ['bin/millrace.js', 'demo', ...rest], { cwd: repositoryRoot }),
  test: runTests,
  check: runChecks,
  build: (node, rest) => runTool(node, 'typescript', 'tsc', ['-p', 'tsconfig.build.json', ...rest]),
  format: (node, rest) => runTool(node, 'oxfmt', 'oxfmt', rest),
  docs: (node, rest) => runChild(node, ['scripts/docs.ts', ...rest], { cwd: repositoryRoot }),
  bench: runBench,
  'test:corpora': (node, rest) => runSuite(node, 'corpora', rest),
  'test:system': (node, rest) => runSuite(node, 'system', rest),
  'test:long': (node, rest) => runSuite(node, 'long', rest),
};

/** Checks of the code that are not tests, in order of speed. */
const checks = {
  format: (node) => runTool(node, 'oxfmt', 'oxfmt', ['--check']),
  lint: (node) => runTool(node, 'oxlint', 'oxlint', ['--type-aware', '--deny-warnings']),
  types: (node) => runTool(node, 'typescript', 'tsc', ['-p', 'tsconfig.json']),
  guards: (node) =>
    runTool(node, 'vitest', 'vitest', ['run', 'test/architecture.test.ts', 'test/exports.test.ts', 'test/docs-sync.test.ts']),
  package: async (node) => {
    const built = await tasks.build(node, []);
    return built.code === 0 ? runTool(node, 'publint', 'publint', []) : built;
  },
};

/** Some scenarios measure the package as it is published: it is built anew. */
async function runBench(node, rest) {
  const built = await tasks.build(node, []);
  return built.code === 0 ? runChild(node, ['bench/main.ts', ...rest], { cwd: repositoryRoot }) : built;
}

async function runTests(node, rest) {
  const prepared = await pullTestModels(node);
  return prepared.code === 0 ? runTool(node, 'vitest', 'vitest', ['run', ...rest]) : prepared;
}

/** Puts the small models on this machine, if they are not there. `MILLRACE_TEST_MODELS=skip` leaves them out, and with them the tests that need one. */
async function pullTestModels(node) {
  if (process.env.MILLRACE_TEST_MODELS === 'skip' || !existsSync(path.join(repositoryRoot, 'src/cli/main.ts'))) return ended;
  const pulled = await runChild(node, ['bin/millrace.js', 'models', 'pull', ...testModels, '--quiet'], { cwd: repositoryRoot });
  if (pulled.code !== 0) {
    sayOnStderr(
      `the test models (${testModels.join(', ')}) could not be fetched; the message above says why. MILLRACE_TEST_MODELS=skip runs the tests that need none.`,
    );
  }
  return pulled;
}

function runSuite(node, suite, rest) {
  return runTool(node, 'vitest', 'vitest', ['run', '--passWithNoTests', ...rest], { MILLRACE_SUITE: suite });
}

/** `check` runs all, `check lint types` the named ones. Every check runs, also after one has failed. */
async function runChecks(node, names) {
  const unknown = names.find((name) => checks[name] === undefined);
  if (unknown !== undefined) throw new BootstrapError(`There is no check "${unknown}". Checks: ${Object.keys(checks).join(', ')}.`);
  const failed = [];
  for (const name of names.length > 0 ? names : Object.keys(checks)) {
    const result = await checks[name](node);
    if (result.signal !== null) return result;
    if (result.code !== 0) failed.push(name);
    sayOnStderr(`check ${name}: ${result.code === 0 ? 'passed' : 'FAILED'}`);
  }
  return { code: failed.length === 0 ? 0 : 1, signal: null };
}

/** Runs the program `bin` of an installed package. */
function runTool(node, packageName, bin, argumentList, env = {}) {
  const folder = path.join(repositoryRoot, 'node_modules', packageName);
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return runChild(node, [path.join(folder, manifest.bin[bin]), ...argumentList], { cwd: repositoryRoot, env });
}

async function main([name, ...rest]) {
  const task = Object.hasOwn(tasks, name ?? '') ? tasks[name] : undefined;
  if (task === undefined) {
    sayOnStderr(`usage: node scripts/bootstrap.js <${Object.keys(tasks).join('|')}> [arguments…]`);
    process.exitCode = 2;
    return;
  }
  const node = findNode();
  installDependencies(node);
  endLike(await task(node, rest));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  sayOnStderr(error.message);
  process.exitCode = 1;
}
