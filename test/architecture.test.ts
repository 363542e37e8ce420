import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The rules of ARCHITECTURE.md, read from the text of the files. A failure lists every place with the rule it breaks. */

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const ground = ['spec', 'util', 'errors', 'metrics', 'formats', 'language', 'chunk'];
const parts = ['parse', 'store', 'scheduler', 'engines', 'models'];
const pipelines = ['ingest', 'query', 'evaluate'];
/** The composition root and the files it is split into. */
const composition = [
  'open',
  'lanes',
  'loaded-engines',
  'loaded-generators',
  'loaded-reranker',
  'mill',
  'parallel-arguments',
  'mill-documents',
  'check-arguments',
  'open-calls',
  'runs',
  'open-engine',
  'open-parser',
  'swept-store',
  'activity',
];
const belowTheApi = [...composition, ...pipelines, ...parts, ...ground];

/** unit (top-level folder or file of src) → units it may import, besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  spec: [],
  util: ['spec', 'errors'],
  metrics: ['spec', 'util', 'errors'],
  formats: ['spec', 'util', 'errors'],
  language: [],
  chunk: ['spec', 'util', 'errors', 'formats', 'language'],
  ...Object.fromEntries([...parts, ...pipelines].map((unit) => [unit, ground])),
  config: ['spec', 'util', 'errors'],
  lanes: belowTheApi,
  'loaded-engines': ['lanes', 'loaded-generators', 'loaded-reranker', ...ground],
  'loaded-reranker': ['lanes', ...ground],
  'loaded-generators': ['lanes', ...ground],
  mill: belowTheApi,
  'mill-documents': ['check-arguments', 'open-calls', ...ground],
  'check-arguments': ['errors', 'spec'],
  'swept-store': ['spec'],
  'open-calls': ['spec', 'util', 'errors'],
  'parallel-arguments': ['runs', 'spec', 'errors', 'formats'],
  runs: ['open-calls', 'query', 'spec', 'util', 'errors'],
  activity: ['metrics', 'spec', 'util', 'errors'],
  open: ['config', ...belowTheApi],
  'open-engine': [...parts, ...ground],
  'open-parser': ['parse', ...ground],
  client: ground,
  testing: ['lanes', 'loaded-engines', 'mill', 'activity', ...parts, ...ground],
  index: ['open', 'open-engine', 'open-parser', 'client', 'evaluate', ...ground],
  server: ['index', 'open', 'config', 'client', ...ground],
  cli: ['server', 'index', 'open', 'config', 'client', ...ground],
};

/** The only packages that the ground may import: the rest of it is the language and Node. */
const specPackages = ['zod'];

const maximumLines = 400;
/** file → why it may be longer than 400 lines. */
const longFiles: Readonly<Record<string, string>> = {};

const bannedNames = /^(types|utils?|helpers?|common|misc|manager|handler|.+-(utils?|helpers?|manager|handler))$/;

/** Files that may read the system clock and chance: the ones that wrap them for everybody else. */
const readsTheSystem = (file: string): boolean => file.startsWith('src/util/') || file === 'src/testing/manual-clock.ts';

interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly file: string;
  readonly text: string;
  /** The text without comments, line for line. */
  readonly code: string;
  readonly isTest: boolean;
  readonly imports: readonly string[];
}

const sources = readFolder('src');
const production = sources.filter(({ isTest }) => !isTest);

describe('architecture', () => {
  it('finds the sources', () => {
    expect(production.length).toBeGreaterThan(10);
    expect(production.flatMap(({ imports }) => imports).length).toBeGreaterThan(10);
  });

  it('imports point down: surfaces → public API → pipelines → parts → ground, never sideways', () => {
    const broken = production.flatMap((source) => {
      const from = unitOf(source.file);
      const targets = allowed[from];
      if (targets === undefined) return [`${source.file}: "${from}" is not in the direction table of test/architecture.test.ts`];
      return localImports(source)
        .filter((target) => target.startsWith('src/'))
        .filter((target) => unitOf(target) !== from && !targets.includes(unitOf(target)))
        .map((target) => `${source.file} imports ${target}: ${from} may import only ${[from, ...targets].join(', ')}`);
    });
    expect(broken).toEqual([]);
  });

  it('production code imports neither tests nor anything outside src', () => {
    const broken = production.flatMap((source) =>
      localImports(source)
        .filter((target) => !target.startsWith('src/') || target.endsWith('.test.ts'))
        .map((target) => `${source.file} imports ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('spec imports zod and nothing else from packages or Node', () => {
    const broken = production
      .filter(({ file }) => unitOf(file) === 'spec')
      .flatMap(({ file, imports }) =>
        imports.filter((name) => !name.startsWith('.') && !specPackages.includes(name)).map((name) => `${file} imports ${name}`),
      );
    expect(broken).toEqual([]);
  });

  it('a parser process starts without the schemas, which take as long to load as a hundred small documents', () => {
    const bySource = new Map(production.map((source) => [source.file, source]));
    const loaded = new Set(['src/parse/child/main.ts']);
    const broken: string[] = [];
    for (const file of loaded) {
      for (const [, name = ''] of (bySource.get(file)?.text ?? '').matchAll(
        /^(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?'([^']+)';$/gm,
      )) {
        if (name === 'zod') broken.push(`${file} imports zod`);
        if (name.startsWith('.')) loaded.add(path.posix.join(path.posix.dirname(file), name));
      }
    }
    expect(loaded.size).toBeGreaterThan(15);
    expect(broken).toEqual([]);
  });

  it('has no import cycle, type imports included', () => {
    expect(findCycles(new Map(production.map((source) => [source.file, localImports(source)])))).toEqual([]);
  });

  it('relative imports end in .ts, so that the sources run as they are', () => {
    const broken = sources.flatMap(({ file, imports }) =>
      imports
        .filter((name) => name.startsWith('.') && !name.endsWith('.ts') && !name.endsWith('.json'))
        .map((name) => `${file} imports ${name}`),
    );
    expect(broken).toEqual([]);
  });

  it('keeps no mutable state at module level', () => {
    const state = /^(?:export )?(?:(?:let|var) |const \w+(?::[^=]+)? = (?:new (?:Map|Set|WeakMap|WeakSet)(?:<.*>)?\(\)|\[\]|\{\});)/;
    expect(linesMatching(production, state, 'module-level state: let a create… function close over it')).toEqual([]);
  });

  it('reads clock, timers and chance only in util; everyone else is handed a Clock or a Random', () => {
    const system =
      /\bDate\.now\b|\bset(?:Timeout|Interval)\b|\bMath\.random\b|\bperformance\.now\b|\bnew Date\(\)|['"](?:node:)?timers(?:\/promises)?['"]|\bAbortSignal\.timeout\b/;
    const files = production.filter(({ file }) => !readsTheSystem(file));
    expect(linesMatching(files, system, 'system clock, timer or chance outside src/util')).toEqual([]);
  });

  it('is written in what Node.js 22 reads: its types are stripped and nothing is translated', () => {
    const programs = [...sources, ...['bench', 'examples', 'scripts', 'test/support'].flatMap(readFolder)].filter(({ isTest }) => !isTest);
    const newer =
      /\busing \w+ =|\b(?:Async)?DisposableStack\b|\bFloat16Array\b|\bPromise\.try\b|\bRegExp\.escape\b|\bError\.isError\b|^\s*@\w/;
    expect(linesMatching(programs, newer, 'not in Node.js 22')).toEqual([]);
  });

  it('does not silence the compiler', () => {
    const silence = /@ts-(?:ignore|nocheck|expect-error)|\bas any\b|: any\b|<any>/;
    const found = sources.flatMap(({ file, text }) =>
      text.split('\n').flatMap((line, index) => (silence.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });

  it(`keeps files at or below ${maximumLines} lines`, () => {
    const long = sources
      .map(({ file, text }) => ({ file, lines: text.trimEnd().split('\n').length }))
      .filter(({ file, lines }) => lines > maximumLines && longFiles[file] === undefined)
      .map(({ file, lines }) => `${file} has ${lines} lines: split it, or list it in longFiles with the reason`);
    expect(long).toEqual([]);
    const known = new Set(sources.map(({ file }) => file));
    expect(Object.keys(longFiles).filter((file) => !known.has(file))).toEqual([]);
  });

  it('names files after their main export, in kebab-case, and never after a kind of code', () => {
    const broken = sources.flatMap(({ file }) => {
      const name = path.posix.basename(file).replace(/(\.test)?\.ts$/, '');
      if (bannedNames.test(name)) return [`${file}: "${name}" says nothing; name the concept`];
      return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ? [] : [`${file}: not kebab-case`];
    });
    expect(broken).toEqual([]);
  });
});

describe('the rules themselves', () => {
  it('finds a cycle and names it from its first file', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a', 'd']],
      ['d', []],
    ]);
    expect(findCycles(graph)).toEqual(['a → b → c → a']);
  });

  it('reads every form of import', () => {
    const text = [
      "import { a } from './a.ts';",
      "import type { B } from './b.ts';",
      'import {',
      '  c,',
      "} from './c.ts';",
      "export { d } from './d.ts';",
      "import './e.ts';",
      "const f = await import('./f.ts');",
      "type G = import('./g.ts').G;",
    ].join('\n');
    expect(readImports(text)).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.ts']);
  });

  it('leaves comments out of the code and keeps line numbers', () => {
    expect(withoutComments("a; // Date.now\n/** one\n * two */ b;\nconst url = 'http://x';")).toBe("a; \n\n b;\nconst url = 'http://x';");
  });
});

function readFolder(folder: string): SourceFile[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const file = path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/');
      const text = readFileSync(path.join(root, file), 'utf8');
      const code = withoutComments(text);
      return { file, text, code, isTest: file.endsWith('.test.ts'), imports: readImports(code) };
    })
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

function withoutComments(text: string): string {
  // A string is matched first and kept, so that "//" inside one is no comment.
  return text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<![\\/[])\/\/[^\n]*/g,
    (match, string?: string) => (string === undefined ? match.replace(/[^\n]/g, '') : match),
  );
}

function readImports(code: string): string[] {
  const form = /^\s*(?:import|export)\b[^'"`;()=]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...code.matchAll(form)].map(([, from, plain, dynamic]) => from ?? plain ?? dynamic ?? '');
}

function localImports({ file, imports }: SourceFile): string[] {
  return imports
    .filter((name) => name.startsWith('.'))
    .map((name) => path.posix.normalize(path.posix.join(path.posix.dirname(file), name)));
}

function unitOf(file: string): string {
  return (file.split('/')[1] ?? '').replace(/\.ts$/, '');
}

function linesMatching(files: readonly SourceFile[], pattern: RegExp, rule: string): string[] {
  return files.flatMap(({ file, code }) =>
    code.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${rule}: ${line.trim()}`] : [])),
  );
}

/** Every cycle that a depth-first walk closes, each written once. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (file: string): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push([...trail.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    trail.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    trail.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}
