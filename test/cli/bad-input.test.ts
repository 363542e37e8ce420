import { chmod, cp, mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ErrorCode, type ErrorData, errorCatalogue } from '../../src/errors.ts';
import { testModel, withoutModels } from '../model/models.ts';
import { createCommands, jsonLines, runInProcess } from '../support/command-line.ts';
import { startFakeHub } from '../support/fake-hub.ts';
import { tinyGguf } from '../support/tiny-models.ts';

/** The superuser may read and write everything, and other systems have other permissions. */
const withoutPermissions = process.platform === 'win32' || process.getuid?.() === 0;

let folder: string;
/** Everything is done in a copy of one folder: a record of two documents, and files that cannot be read. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bad-input-'));
  await mkdir(join(folder, 'docs'));
  await writeFile(join(folder, 'docs', 'rules.md'), '# Rules\n\nA lost key costs 40 euros.\n');
  await writeFile(join(folder, 'docs', 'prices.md'), '# Prices\n\nA locker costs 3.50 a day.\n');
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, 'file'), 'A file, not a folder.');
  if (withoutModels) return;
  await testModel('minilm-l6');
  await testModel('smollm2-135m');
  const made = await run('ingest', 'docs', '--no-embed');
  if (made.exitCode !== 0) throw new Error(made.error);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...argumentList: string[]) => runInProcess(folder, argumentList);
const record = () => join(folder, '.millrace', 'record.sqlite');

const stored = '40 euros';
/** What a search finds of what was stored before. */
async function found(): Promise<string> {
  const { out } = await run('search', 'lost key', '--mode', 'text', '--json');
  const [result] = jsonLines(out) as { hits?: { text: string }[] }[];
  return result?.hits?.[0]?.text ?? out;
}

/**
 * Runs a command that is refused, for people and for programs, and looks at all that is promised of a refusal. Gives the error.
 * `events` is for `ingest`, whose JSON is a stream of events that ends with the one that says why it failed.
 */
async function refused(argumentList: readonly string[], code: ErrorCode, message: RegExp): Promise<ErrorData> {
  const { exitCode } = errorCatalogue[code];
  const people = await run(...argumentList);
  expect({ exitCode: people.exitCode, out: people.out.trim() }, people.error).toEqual({ exitCode, out: '' });
  const lines = people.error.trimEnd().split('\n');
  const [said = '', remedy = '', ...rest] = lines.slice(lines.findIndex((line) => line.startsWith('error[')));
  expect(said).toMatch(new RegExp(`^error\\[${code}\\]: [A-Z/].*[.?]$`));
  expect(said).toMatch(message);
  expect(remedy).toMatch(/^[A-Z].*\.$/);
  expect(rest).toEqual([]);
  expect(people.error).not.toMatch(/^\s+at |SQLITE_|ZodError|undefined|\[object/m);
  // The sentence stands there once.
  expect(people.error.split(said.slice(`error[${code}]: `.length))).toHaveLength(2);

  const programs = await run(...argumentList, '--json');
  expect({ exitCode: programs.exitCode, error: programs.error }).toEqual({ exitCode, error: '' });
  const errors = jsonLines(programs.out).filter(({ type }) => type !== 'document-failed' && type !== 'ingest-start');
  expect(errors).toHaveLength(1);
  const error = errors[0]?.['error'] as ErrorData;
  expect(error).toMatchObject({ code, remedy, message: said.slice(`error[${code}]: `.length) });
  return error;
}

describe.skipIf(withoutModels)('files that cannot be read', () => {
  it('are told one by one with what to do, and the others are read', async () => {
    const place = join(folder, 'bad');
    await mkdir(place);
    await writeFile(join(place, 'empty.txt'), '');
    await writeFile(join(place, 'binary.txt'), Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7919) & 0xff)));
    await writeFile(join(place, 'zero.pdf'), '');
    await cp(new URL('../../src/parse/fixtures/encrypted.pdf', import.meta.url), join(place, 'encrypted.pdf'));
    await writeFile(join(place, 'good.txt'), 'The boat leaves at nine.');
    const expected: Record<string, RegExp> = {
      'empty.txt': /^E_DOCUMENT_EMPTY: empty\.txt holds no bytes\.$/,
      'binary.txt': /^E_DOCUMENT_UNSUPPORTED: binary\.txt holds binary data/,
      'zero.pdf': /^E_DOCUMENT_EMPTY: zero\.pdf holds no bytes\.$/,
      'encrypted.pdf': /^E_DOCUMENT_ENCRYPTED: encrypted\.pdf .*password\.$/,
    };
    const programs = await run('ingest', 'bad', '--no-embed', '--json');
    expect({ exitCode: programs.exitCode, error: programs.error }).toEqual({ exitCode: 3, error: '' });
    const events = jsonLines(programs.out) as { type: string; source: string; error: ErrorData; [name: string]: unknown }[];
    const failures = events.filter(({ type }) => type === 'document-failed');
    expect(failures.map(({ source }) => source.replace(`${place}/`, '')).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const { source, error } of failures) {
      expect(`${error.code}: ${error.message}`).toMatch(expected[source.replace(`${place}/`, '')] ?? /never/);
    }
    expect(events.at(-1)).toMatchObject({ type: 'ingest-end', found: 5, indexed: 1, failed: 4 });

    const people = await run('ingest', 'bad', '--no-embed', '--reread');
    expect(people.exitCode).toBe(3);
    expect(people.out).toMatch(/5 found.*4 failed/);
    const lines = people.error.trimEnd().split('\n');
    for (const { source, error } of failures) {
      expect(lines.filter((line) => line.includes(source))).toEqual([`failed  ${source}: ${error.message} ${error.remedy}`]);
    }
    expect(await found()).toContain(stored);
    expect((await run('search', 'boat', '--mode', 'text')).out).toContain('leaves at nine');
  });

  it('alone end the command with 3, as among others', async () => {
    expect(await run('ingest', 'bad/zero.pdf', '--no-embed')).toMatchObject({
      exitCode: 3,
      error: expect.stringContaining('holds no bytes'),
    });
  });

  it('for lack of permission are told with what to do', async ({ skip }) => {
    skip(withoutPermissions, 'the superuser may read every file');
    await writeFile(join(folder, 'closed.txt'), 'A closed text.');
    await chmod(join(folder, 'closed.txt'), 0);
    const { exitCode, error } = await run('ingest', 'closed.txt', '--no-embed');
    expect(exitCode).toBe(3);
    expect(error).toMatch(/closed\.txt cannot be read \(EACCES\)\. Change its permissions/);
    expect(await found()).toContain(stored);
  });
});

describe.skipIf(withoutModels)('paths that lead nowhere', () => {
  it.each([
    ['a path', 'nowhere.txt', /The path \S*nowhere\.txt does not exist\.$/],
    ['an empty path', '', /An empty path names no file and no folder\.$/],
    ['an address', 'https://example.org/a.pdf', /The address \S*a\.pdf is not fetched: documents are read from files\.$/],
    ['a path below a file', 'file/inside.txt', /The path \S*inside\.txt does not exist\.$/],
    ['a pattern', 'docs/*.nope', /No file matches the pattern "docs\/\*\.nope"\.$/],
  ])('%s is refused', async (_what, path, message) => {
    expect(await refused(['ingest', path, '--no-embed'], 'E_SOURCE_MISSING', message)).toMatchObject({ retryable: false });
  });

  it('beside one that leads somewhere is told, and the other is read', async () => {
    const { exitCode, error } = await run('ingest', 'docs', 'nowhere.txt', '--no-embed');
    expect(exitCode).toBe(3);
    expect(error.match(/does not exist/g)).toHaveLength(1);
  });

  it('an empty folder is said to hold nothing', async () => {
    const { exitCode, out, error } = await run('ingest', 'empty', '--no-embed');
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    expect(out).toMatch(/^No file to read was found/);
    expect(jsonLines((await run('ingest', 'empty', '--no-embed', '--json')).out).at(-1)).toMatchObject({ type: 'ingest-end', found: 0 });
  });
});

describe.skipIf(withoutModels)('where nothing was ingested', () => {
  let bare: string;
  beforeAll(async () => {
    bare = await mkdtemp(join(tmpdir(), 'millrace-bare-'));
    await writeFile(join(bare, 'q.csv'), 'question\nWhen does it leave?\n');
  });
  afterAll(() => rm(bare, { recursive: true, force: true }));

  it.each([
    [['ingest', 'nowhere.pdf'], 'E_SOURCE_MISSING'],
    [['ingest', '*.nope', '--json'], 'E_SOURCE_MISSING'],
    [['ask', '--file', 'nowhere.csv'], 'E_SOURCE_MISSING'],
    [['ask', '--file', 'q.csv', '--out', 'a.jsonl'], 'E_STORE_MISSING'],
    [['table', '--questions', 'q.csv'], 'E_STORE_MISSING'],
    [['table', '--questions', 'q.csv', '--documents', '*.nope', '--out', 't.jsonl'], 'No file matches the pattern'],
    [['documents', 'update'], 'E_STORE_MISSING'],
    [['runs', 'delete', 'none'], 'E_STORE_MISSING'],
  ])('a command that fails leaves nothing: %j', async (argumentList, code) => {
    const { exitCode, out, error } = await runInProcess(bare, argumentList);
    expect(exitCode).toBe(1);
    expect(out + error).toContain(code);
    expect(await readdir(bare)).toEqual(['q.csv']);
  });

  it('questions are refused, and lists say that there is nothing', async () => {
    await mkdir(join(bare, 'none'), { recursive: true });
    const bareRun = (...argumentList: string[]) => runInProcess(bare, [...argumentList, '--directory', 'record']);
    expect((await bareRun('ingest', 'none')).exitCode).toBe(0);
    for (const asked of [
      ['ask', 'When does it leave?', '--quotes'],
      ['search', 'When?'],
      ['ask', '--file', 'q.csv', '--out', 'a.jsonl', '--quotes'],
    ]) {
      expect(await bareRun(...asked)).toEqual({
        exitCode: 1,
        out: '',
        error: 'error[E_NO_DOCUMENTS]: There are no documents yet.\nRun "millrace ingest <paths>" first.\n',
      });
    }
    expect((await readdir(bare)).toSorted()).toEqual(['none', 'q.csv', 'record']);
    expect((await bareRun('status')).out).toMatch(/\nNo documents yet\.\n$/);
    expect((await bareRun('documents', 'list')).out).toBe('No documents yet.\n');
    expect((await bareRun('runs', 'list')).out).toBe('No runs.\n');
    for (const listed of ['documents', 'runs']) expect((await bareRun(listed, 'list', '--json')).out).toBe('');
  });
});

describe.skipIf(withoutModels)('a directory that cannot be', () => {
  it('because a file is in its place is refused, for writing and reading', async () => {
    await refused(
      ['ingest', 'docs', '--directory', 'file'],
      'E_STORE_FAILED',
      /directory \S*file cannot be made: a file is in its place\.$/,
    );
    await refused(['ingest', 'docs', '--directory', 'file/inside'], 'E_STORE_FAILED', /directory \S*inside cannot be made: a file/);
    await refused(['search', 'key', '--directory', 'file'], 'E_STORE_MISSING', /\S*file holds no record/);
    await refused(['search', 'key', '--directory', 'empty'], 'E_STORE_MISSING', /\S*empty holds no record yet\.$/);
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('A file, not a folder.');
    expect(await readdir(join(folder, 'empty'))).toEqual([]);
    expect(await found()).toContain(stored);
  });

  it('because the folder may not be written is refused', async ({ skip }) => {
    skip(withoutPermissions, 'the superuser may write every folder');
    await mkdir(join(folder, 'closed'), { mode: 0o500 });
    await refused(['ingest', 'docs', '--directory', 'closed/record'], 'E_STORE_FAILED', /closed\/record cannot be written \(EACCES\)\.$/);
    await refused(['ingest', 'docs', '--directory', 'closed'], 'E_STORE_FAILED', /closed\S* cannot be .*written/);
    expect(await found()).toContain(stored);
  });
});

describe.skipIf(withoutModels)('questions that cannot be asked', () => {
  const cases = [
    [['search', ''], 'E_INPUT_INVALID', /^error\[E_INPUT_INVALID\]: The query is empty\.$/],
    [['search', ' ?! '], 'E_INPUT_INVALID', /The query holds no word\.$/],
    [['ask', '', '--quotes'], 'E_INPUT_INVALID', /The question is empty\.$/],
    [['ask', 'key '.repeat(60_000), '--quotes'], 'E_INPUT_INVALID', /The question is not valid: .*200000/i],
    [['search', 'key', '-c', 'laws'], 'E_NOT_FOUND', /There is no collection "laws" in this directory\.$/],
    [['ask', 'key', '--quotes', '-c', 'laws'], 'E_NOT_FOUND', /There is no collection "laws" in this directory\.$/],
    [['search', 'key', '--filter', '__proto__=x'], 'E_INPUT_INVALID', /not valid at "filter\.__proto__"/],
    [['documents', 'list', '-c', 'laws'], 'E_NOT_FOUND', /There is no collection "laws" in this directory\.$/],
    [['search', 'key', '-c', 'a/b'], 'E_CONFIG_INVALID', /"collection" in the options is not valid: it takes 1 to 64 letters/],
    [['search', 'key', '--directory', ''], 'E_CONFIG_INVALID', /"directory" in the options is not valid: it is empty\.$/],
    [
      ['ask', 'What costs a key?', '--mode', 'text', '--model', 'smollm2-13'],
      'E_MODEL_UNKNOWN',
      /no model called "smollm2-13"\. Did you mean smollm2-135m/,
    ],
    [['models', 'pull', 'nosuchmodel'], 'E_MODEL_UNKNOWN', /no model called "nosuchmodel"\.$/],
    [['ingest', 'docs', '--embedder', 'nosuchmodel'], 'E_MODEL_UNKNOWN', /no model called "nosuchmodel"\.$/],
    [
      ['ask', 'What costs a key?', '--mode', 'text', '--model', 'minilm-l6'],
      'E_MODEL_UNSUITABLE',
      /minilm-l6 is an embedder, and a generator is needed\.$/,
    ],
    [
      ['ask', 'What costs a key?', '--mode', 'text', '--model', './none.gguf'],
      'E_MODEL_NOT_INSTALLED',
      /There is no file \S*none\.gguf\.$/,
    ],
  ] as const;
  it.each(cases.map(([argumentList, code, message]) => [argumentList.join(' ').slice(0, 60), argumentList, code, message] as const))(
    '%s',
    async (_name, argumentList, code, message) => {
      expect(await refused(argumentList, code, message)).toMatchObject({ code });
    },
  );

  it.each([
    [[], /^No command was given\.$/],
    [['serch', 'key'], /^Unknown command 'serch' \(Did you mean search\?\)$/],
    [['search', 'key', '--mode', 'best'], /^Option '--mode <mode>' argument 'best' is invalid\. Allowed choices are .*\.$/],
    [['ingest'], /^Missing required argument 'paths'\.$/],
  ] as const)('the command line %j', async (argumentList, message) => {
    const people = await run(...argumentList);
    expect({ exitCode: people.exitCode, out: people.out }).toEqual({ exitCode: 2, out: '' });
    if (argumentList.length > 0)
      expect(people.error).toMatch(/^error: .+\n(?:\(.*\)\n)?\n?Run the command with --help and correct the call\.\n$/);
    const programs = await run(...argumentList, '--json');
    expect({ exitCode: programs.exitCode, error: programs.error }).toEqual({ exitCode: 2, error: '' });
    expect(jsonLines(programs.out)).toMatchObject([
      { error: { code: 'E_USAGE', message: argumentList.length === 0 ? expect.any(String) : expect.stringMatching(message) } },
    ]);
  });

  it('for vectors where there are none says so', async () => {
    const { exitCode, out, error } = await run('search', 'lost key', '--mode', 'vector');
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: 'Nothing found.\n' });
    expect(error).toMatch(/^The collection has no vectors yet: .*without --no-embed/);
  });

  it('a question longer than the context of the model', async () => {
    const question = `What costs a key? ${'Tell me about the lockers and the boats. '.repeat(300)}`;
    const model = ['--model', 'smollm2-135m', '--mode', 'text', '--sequences', '1', '--quiet'];
    const error = await refused(['ask', question, ...model], 'E_CONTEXT_EXCEEDED', /takes \d+ tokens .* holds \d+ at a time\.$/);
    expect(error.details).toMatchObject({ limitTokens: expect.any(Number) });
    expect(await found()).toContain(stored);
  });
});

describe.skipIf(withoutModels)('a configuration that is not valid', () => {
  const inFile = async (text: string, message: RegExp): Promise<void> => {
    await writeFile(join(folder, 'millrace.json'), text);
    try {
      await refused(['search', 'key'], 'E_CONFIG_INVALID', message);
    } finally {
      await rm(join(folder, 'millrace.json'));
    }
  };

  it('names the setting and the file', async () => {
    await inFile('{"tread": 3}', /"tread" in \S*millrace\.json is not valid: there is no such setting\.$/);
    await inFile('{"threads": "many"}', /"threads" in \S*millrace\.json is not valid: /);
    await inFile('{"threads": 3', /\S*millrace\.json does not hold one JSON object\.$/);
    await inFile('[]', /\S*millrace\.json does not hold one JSON object\.$/);
    expect(await found()).toContain(stored);
  });

  it('names the folder of the models that is none', async () => {
    const home = join(folder, 'file');
    for (const argumentList of [
      ['models', 'list'],
      ['models', 'pull', 'smollm2-135m'],
    ]) {
      const { exitCode, out, error } = await runInProcess(folder, argumentList, { MILLRACE_HOME: home });
      expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
      expect(error).toMatch(
        /^error\[E_CONFIG_INVALID\]: The folder of the models, \S*file, cannot be used as it is \(\w+\)\.\n.*MILLRACE_HOME\.\n$/,
      );
    }
  });

  it('names the folder of the models that may not be written, and uses a model by its path all the same', async ({ skip }) => {
    skip(withoutPermissions, 'the superuser may write every folder');
    const home = join(folder, 'closed-home');
    await mkdir(home, { mode: 0o500 });
    const pulled = await runInProcess(folder, ['models', 'pull', 'smollm2-135m'], { MILLRACE_HOME: home });
    expect(pulled).toMatchObject({ exitCode: 2, error: expect.stringMatching(/closed-home, cannot be used as it is \(EACCES\)/) });
    const { path } = await testModel('smollm2-135m');
    const asked = ['ask', 'What costs a key?', '--mode', 'text', '--threads', '1', '--max-tokens', '4', '--model', path];
    expect(await runInProcess(folder, asked, { MILLRACE_HOME: home })).toMatchObject({ exitCode: 0 });
  });

  it('a working directory that is gone', async ({ skip }) => {
    skip(process.platform === 'win32', 'no folder in use can be removed there');
    const gone = 'mkdir gone && cd gone && rmdir ../gone && millrace search key; echo "code $?" >&2';
    expect((await createCommands().shell(folder, gone, [])).error).toBe(
      'error[E_USAGE]: The folder in which the command was started is gone.\nChange to another folder and repeat the command.\ncode 2\n',
    );
  });

  it('names the variable of the environment', async () => {
    const { exitCode, error } = await runInProcess(folder, ['search', 'key'], { MILLRACE_THREADS: 'many' });
    expect(exitCode).toBe(2);
    expect(error).toMatch(/"threads" in the environment is not valid/);
  });
});

describe.skipIf(withoutModels)('a record that is damaged', () => {
  let whole: Buffer;
  beforeAll(async () => {
    // Closed by its last reader, the record is one file.
    whole = await readFile(record());
  });

  /** Damages the record, looks at what the commands say and that they leave it alone, and puts it back. */
  async function damaged(damage: () => Promise<void>, commands: readonly (readonly string[])[], message: RegExp): Promise<void> {
    await damage();
    const before = await readFile(record());
    try {
      for (const argumentList of commands) {
        const error = await refused(argumentList, 'E_STORE_CORRUPT', message);
        expect(error.remedy).toMatch(/copy|rebuild/);
      }
      expect((await readFile(record())).equals(before)).toBe(true);
    } finally {
      await writeFile(record(), whole);
    }
  }

  it('in its header is refused by every command and left as it is', async () => {
    const overwrite = async (): Promise<void> => {
      const file = await open(record(), 'r+');
      await file.write('This is no record at all.', 0);
      await file.close();
    };
    const commands = [['search', 'key'], ['ask', 'key', '--quotes'], ['ingest', 'docs', '--no-embed'], ['verify'], ['rebuild'], ['status']];
    await damaged(overwrite, commands, /Opening the record in \S*: the file record\.sqlite is damaged/);
    expect(await found()).toContain(stored);
  });

  it('because it was cut short is refused', async () => {
    await damaged(
      () => truncate(record(), 100),
      [['search', 'lost key', '--mode', 'text'], ['ingest', 'docs', '--no-embed'], ['verify'], ['rebuild']],
      /damaged/,
    );
    await damaged(() => truncate(record(), Math.floor(whole.length / 8192) * 4096), [['search', 'lost key', '--mode', 'text']], /damaged/);
    expect(await found()).toContain(stored);
  });

  it('written by a newer version is refused and left as it is', async () => {
    const db = new Database(record());
    const written = Number(db.pragma('user_version', { simple: true }));
    db.pragma('user_version = 999');
    db.close();
    try {
      await refused(['search', 'key'], 'E_STORE_VERSION', /has version 999/);
      await refused(['ingest', 'docs', '--no-embed'], 'E_STORE_VERSION', /has version 999/);
    } finally {
      const again = new Database(record());
      again.pragma(`user_version = ${written}`);
      again.close();
    }
    expect(await found()).toContain(stored);
  });

  it('in its indexes is told by verify and mended by rebuild', async () => {
    const index = join(folder, '.millrace', 'index');
    await mkdir(index, { recursive: true });
    const stem = '0123456789abcdef-01234567';
    await writeFile(join(index, `${stem}.1.usearch`), 'no index');
    await writeFile(join(index, `${stem}.1.json`), '{"format": 1}');
    const db = new Database(record());
    db.exec(`INSERT INTO chunk_index (chunk_index) VALUES ('delete-all')`);
    db.close();
    const told = await run('verify');
    expect(told.exitCode).toBe(1);
    expect(told.out).toMatch(/^DIFFERENCES/);
    expect(told.out).toMatch(/missing from the text index\./);
    expect(told.out).toMatch(/The vector index \S*usearch cannot be read/);
    expect(jsonLines((await run('verify', '--json')).out)).toMatchObject([{ ok: false }]);
    expect((await run('search', 'lost key', '--mode', 'text')).out).toBe('Nothing found.\n');
    expect(await run('rebuild')).toMatchObject({ exitCode: 0 });
    expect(await run('verify')).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^ok/) });
    expect(await found()).toContain(stored);
  });

  it('beside a damaged lock file is found by search, and writing says what to do', async () => {
    const lock = join(folder, '.millrace', 'lock.sqlite');
    await writeFile(lock, 'This locks nothing at all.'.repeat(100));
    await refused(
      ['ingest', 'docs', '--no-embed'],
      'E_STORE_CORRUPT',
      /The file lock\.sqlite in \S* is damaged\. It holds nothing of the record\.$/,
    );
    expect(await found()).toContain(stored);
    await rm(lock);
    expect(await run('ingest', 'docs', '--no-embed')).toMatchObject({ exitCode: 0 });
  });

  it('whose lock file and description of the owner are gone or damaged is opened all the same', async () => {
    for (const name of ['lock.sqlite', 'owner.json', '.gitignore']) await rm(join(folder, '.millrace', name), { force: true });
    await writeFile(join(folder, '.millrace', 'owner.json'), '{');
    expect(await run('ingest', 'docs', '--no-embed')).toMatchObject({ exitCode: 0 });
    expect(await found()).toContain(stored);
  });
});

describe.skipIf(withoutModels)('a model that is damaged', () => {
  it('is refused by what needs it, told by verify and mended by a pull', async () => {
    const hub = await startFakeHub();
    const bytes = tinyGguf({ weights: 1_000 });
    hub.answer('/o/r/resolve/main/model.gguf', { bytes });
    const home = join(folder, 'models-home');
    const name = 'hf:o/r/model.gguf';
    const runAt = (...argumentList: string[]) =>
      runInProcess(folder, argumentList, { MILLRACE_HOME: home, HF_ENDPOINT: hub.url, NO_PROXY: '*' });
    const ask = () => runAt('ask', 'What costs a key?', '--mode', 'text', '--quiet', '--json', '--model', name);
    try {
      expect(await runAt('models', 'pull', name)).toMatchObject({ exitCode: 0 });
      const path = join(home, 'models', 'hub', 'o', 'r', 'model.gguf');
      const changes: [ErrorCode, () => Promise<void>, RegExp][] = [
        [
          'E_MODEL_TAMPERED',
          () => writeFile(path, Buffer.concat([bytes.subarray(0, -4), Buffer.from('evil')])),
          /was changed: its sha256 is/,
        ],
        ['E_MODEL_INVALID', () => truncate(path, bytes.length - 400), /cut short/],
        ['E_MODEL_INVALID', () => writeFile(path, 'This is no model at all.'), /model\.gguf/],
      ];
      for (const [code, change, message] of changes) {
        await change();
        const { exitCode, out } = await ask();
        expect(exitCode).toBe(errorCatalogue[code].exitCode);
        expect(jsonLines(out)).toMatchObject([{ error: { code, message: expect.stringMatching(message) } }]);
        expect(await runAt('models', 'verify')).toMatchObject({
          exitCode: 1,
          out: expect.stringMatching(/^E_MODEL_(TAMPERED|INVALID)  hf:o\/r/),
        });
        expect(await runAt('models', 'pull', name)).toMatchObject({ exitCode: 0 });
        expect(await runAt('models', 'verify')).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^ok  hf:o\/r/) });
      }
      expect(await found()).toContain(stored);
    } finally {
      await hub.close();
    }
  });
});
