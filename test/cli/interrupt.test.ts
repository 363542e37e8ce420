import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { testModel, withoutModels } from '../model/models.ts';
import { createCommands, groupIsGone, jsonLines, processesOfGroup, type RunningCommand } from '../support/command-line.ts';
import { startFakeHub } from '../support/fake-hub.ts';
import { waitForBytes } from '../support/models-bench.ts';
import { tinyGguf } from '../support/tiny-models.ts';

const commands = createCommands();
const documents = 250;
let folder: string;
/** Where the next record is made. */
let directory: string;
let records = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-interrupt-'));
  await mkdir(join(folder, 'many'));
  await mkdir(join(folder, 'few'));
  const paragraph = (number: number, line: number): string =>
    `In year ${number} the mill on river ${line} ground ${number * line} sacks of rye. `;
  for (let number = 1; number <= documents; number += 1) {
    const text = Array.from({ length: 40 }, (_, line) => paragraph(number, line)).join('\n\n');
    await writeFile(join(folder, 'many', `${number}.md`), `# Mill ${number}\n\n${text}\n`);
    if (number <= 60) await writeFile(join(folder, 'few', `${number}.md`), `# Mill ${number}\n\n${paragraph(number, 1)}\n`);
  }
  if (withoutModels) return;
  await testModel('minilm-l6');
  await testModel('smollm2-135m');
}, 60_000);
afterEach(() => commands.endAll());
afterAll(() => rm(folder, { recursive: true, force: true }));

function inNewRecord(): void {
  records += 1;
  directory = `record-${records}`;
}
const start = (...argumentList: string[]): RunningCommand => commands.start(folder, [...argumentList, '--directory', directory]);
const run = (...argumentList: string[]) => commands.run(folder, [...argumentList, '--directory', directory]);

/** How a stopped command ends: its exit code, one sentence on what is kept, and nothing of it left running. */
async function expectStopped(command: RunningCommand, exitCode: number): Promise<Awaited<RunningCommand['ended']>> {
  const ended = await command.ended;
  expect({ exitCode: ended.exitCode, signal: ended.signal }, ended.error).toEqual({ exitCode, signal: null });
  expect(ended.error.split('\n').filter((line) => /Stopped|^error\[/.test(line))).toEqual([
    expect.stringMatching(/^Stopped\. [^;:]+[;:] .+\.$/),
  ]);
  expect(ended.error).not.toMatch(/^\s+at |E_PARSE_CRASHED|E_ENGINE_CRASHED/m);
  expect(processesOfGroup(command.pid)).toEqual([]);
  return ended;
}

describe.skipIf(withoutModels || process.platform === 'win32')('ingest', () => {
  it.each([
    ['while the first documents are parsed, by Ctrl-C, which reaches every process', 'document-found', 'SIGINT', 'group', 130],
    ['while documents are committed, by another program', 'document-committed', 'SIGINT', 'process', 130],
  ] as const)('stops %s, keeps what it told, and goes on', async (_when, event, signal, to, exitCode) => {
    inNewRecord();
    const command = start('ingest', 'many', '--no-embed', '--json');
    await command.line(`"type":"${event}"`);
    command.kill(signal, to);
    const { out } = await expectStopped(command, exitCode);
    const events = jsonLines(out);
    expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_CANCELLED' } });
    expect(events.filter(({ type }) => type === 'document-failed')).toEqual([]);
    const told = events.filter(({ type }) => type === 'document-committed').map(({ source }) => String(source));
    expect(told.length).toBeLessThan(documents);
    expect(told.length).toBeGreaterThanOrEqual(event === 'document-committed' ? 1 : 0);

    expect(await run('verify')).toMatchObject({ exitCode: 0 });
    const listed = new Set((await run('documents', 'list')).out.split('\n').map((line) => line.replace('ok      ', '')));
    expect(told.filter((source) => !listed.has(source))).toEqual([]);
    const again = await run('ingest', 'many', '--no-embed');
    expect(again.exitCode).toBe(0);
    const [, indexed, unchanged] = /(\d+) indexed, (\d+) unchanged, 0 failed/.exec(again.out) ?? [];
    expect(Number(indexed) + Number(unchanged)).toBe(documents);
    expect(Number(unchanged)).toBeGreaterThanOrEqual(told.length);
  });

  it('stops while vectors are made and committed, and goes on', async () => {
    inNewRecord();
    const command = start('ingest', 'few', '--threads', '1', '--json');
    await command.line('"type":"document-committed"');
    command.kill('SIGINT', 'group');
    await expectStopped(command, 130);
    expect(await run('verify')).toMatchObject({ exitCode: 0 });
    expect(await run('ingest', 'few', '--threads', '1')).toMatchObject({ exitCode: 0 });
    const [status] = jsonLines((await run('status', '--json')).out) as { collections: { chunks: number; embeddedChunks: number }[] }[];
    expect(status?.collections[0]?.embeddedChunks).toBe(status?.collections[0]?.chunks);
    expect(status?.collections[0]?.chunks).toBeGreaterThanOrEqual(60);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('stops on %s, and goes on', async (signal, exitCode) => {
    inNewRecord();
    const command = start('ingest', 'few', '--no-embed', '--json');
    await command.line('"type":"document-found"');
    command.kill(signal);
    const { out } = await expectStopped(command, exitCode);
    expect(jsonLines(out).at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_CANCELLED' } });
    expect(await run('ingest', 'few', '--no-embed')).toMatchObject({ exitCode: 0 });
    expect(await run('verify')).toMatchObject({ exitCode: 0 });
  });

  it('stops in a word for people too', async () => {
    inNewRecord();
    const command = start('ingest', 'many', '--no-embed', '--verbose');
    await command.line(/^read /, 'error');
    command.kill('SIGINT');
    const { error, out } = await expectStopped(command, 130);
    expect(out).toBe('');
    const [, told] = /^Stopped\. (\d+) documents? (?:is|are) committed and kept; repeat the command to go on\.$/m.exec(error) ?? [];
    expect(Number(told)).toBeGreaterThanOrEqual(1);
    expect((await run('documents', 'list')).out.match(/^ok {6}/gm)?.length).toBeGreaterThanOrEqual(Number(told));
  });

  it('takes a Ctrl-C that a program around it passes on as well for one', async () => {
    inNewRecord();
    const command = start('ingest', 'many', '--no-embed', '--verbose');
    await command.line(/^read /, 'error');
    command.kill('SIGINT', 'group');
    command.kill('SIGINT');
    expect((await expectStopped(command, 130)).out).toBe('');
  });

  it('stops while it starts', async () => {
    inNewRecord();
    const command = start('ingest', 'many', '--no-embed');
    await command.opened('record.sqlite');
    command.kill('SIGINT', 'group');
    await expectStopped(command, 130);
    expect(await run('ingest', 'few', '--no-embed')).toMatchObject({ exitCode: 0 });
  });
});

describe.skipIf(withoutModels || process.platform === 'win32')('with a record', () => {
  beforeAll(async () => {
    inNewRecord();
    const { exitCode, error } = await run('ingest', 'many', '--no-embed');
    if (exitCode !== 0) throw new Error(error);
    // An answer that is verified first is told at its end.
    const questions = Array.from({ length: 60 }, (_, mill) => `How much rye did mill ${mill} grind?\n`).join('');
    for (const file of ['questions.txt', 'others.txt']) await writeFile(join(folder, file), questions);
    await writeFile(
      join(folder, 'judged.jsonl'),
      `${JSON.stringify({ question: 'How much rye did mill 7 grind?', answers: ['7 sacks'] })}\n`,
    );
    const streaming = { context: { mode: 'joined' }, verify: { by: 'none' } };
    await writeFile(join(folder, 'streaming.json'), JSON.stringify(streaming));
  });

  const question = 'Write a very long story about mill 37 and its sacks of rye, year by year.';
  const asking = [
    'ask',
    question,
    '--mode',
    'text',
    '--model',
    'smollm2-135m',
    '--sequences',
    '1',
    '--threads',
    '1',
    '--pipeline',
    'streaming.json',
    '--max-tokens',
    '1500',
  ];

  it('ask stops while the model loads or reads the passages', async () => {
    const command = start(...asking);
    await command.line(/^\[1\]/, 'error');
    command.kill('SIGINT', 'group');
    expect((await expectStopped(command, 130)).out.trim()).toBe('');
  });

  it('ask stops while it answers, and answers when it is asked again', async () => {
    const command = start(...asking, '--temperature', '1', '--seed', '7');
    await command.output();
    command.kill('SIGINT', 'group');
    const { out } = await expectStopped(command, 130);
    expect(out.length).toBeGreaterThan(0);
    expect(await run('verify')).toMatchObject({ exitCode: 0 });
    expect(await run(...asking.slice(0, -1), '8')).toMatchObject({ exitCode: 0 });
  });

  it('ask stops while it waits for its question', async () => {
    const command = start('ask', '-', '--quotes');
    command.input.write('When');
    await command.opened('record.sqlite');
    command.kill('SIGINT');
    expect(await expectStopped(command, 130)).toMatchObject({ out: '' });
  });

  const model = ['--model', 'smollm2-135m', '--sequences', '1', '--threads', '1'];
  it.each([
    ['ask --file', ['ask', '--file', 'questions.txt', '--mode', 'text', '--no-estimate', ...model], 'run-start'],
    ['ask --file --quotes', ['ask', '--file', 'others.txt', '--mode', 'text', '--no-estimate', '--quotes'], 'item-settled'],
    ['table', ['table', '--questions', 'questions.txt', '--mode', 'text', '--no-estimate', ...model], 'run-start'],
    ['read', ['read', 'many', ...model], 'passage-read'],
  ])('%s stops', async (_name, argumentList, event) => {
    const command = start(...argumentList, '--json');
    await command.line(`"type":"${event}"`);
    command.kill('SIGINT', 'group');
    const { out } = await expectStopped(command, 130);
    expect(jsonLines(out).at(-1)).toMatchObject({ error: { code: 'E_CANCELLED' } });
  });

  it('eval stops, and says what of it is kept', async () => {
    const evaluating = ['eval', '--questions', 'judged.jsonl', '--documents', 'few', '--mode', 'text', ...model];
    const command = commands.start(folder, [...evaluating, '--directory', 'evaluated']);
    await command.opened('record.sqlite');
    command.kill('SIGINT', 'group');
    expect((await expectStopped(command, 130)).error).toMatch(/^Stopped\. The documents are kept, the answers are not: /m);
  });

  it('SIGTERM alone ends it also while the engine is stuck, and the engine with it', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux tells the processes of a group');
    const command = start(...asking, '--temperature', '1', '--seed', '7');
    await command.output();
    const engine = processesOfGroup(command.pid).find((line) => line.includes('llama'));
    process.kill(Number(engine?.split(' ')[0]), 'SIGSTOP');
    command.kill('SIGTERM');
    const { error, ...ended } = await command.ended;
    expect(ended).toMatchObject({ exitCode: 143, signal: null });
    expect(error).toMatch(/^Stopped\. .+\.$/m);
    await groupIsGone(command.pid);
  });

  it.each([
    ['search', 'mill', '--mode', 'text', '-n', '1000'],
    ['documents', 'list', '--json'],
    ['ask', 'Which mill ground rye?', '--mode', 'text', '--quotes'],
    ['models', 'list'],
    ['--help'],
  ])('%s %s ends without a word when its reader leaves', async (...argumentList) => {
    const { error, out } = await commands.shell(folder, `{ millrace "$@"; echo "code $?" >&2; } | head -n 1`, [
      ...argumentList,
      ...(argumentList[0] === '--help' ? [] : ['--directory', directory, '--quiet']),
    ]);
    expect(out.split('\n')).toHaveLength(2);
    expect(error).toMatch(/^code (0|141)\n$/);
  });

  it('ingest stops with 141 when its reader leaves, and what it told is kept', async () => {
    const ingesting = ['ingest', 'many', '--no-embed', '--json', '--reread', '--directory', directory, '-c', 'other'];
    const { error, out } = await commands.shell(folder, `{ millrace "$@"; echo "code $?" >&2; } | grep -m 1 document-committed`, ingesting);
    expect(error).toBe('code 141\n');
    const [{ source } = { source: '' }] = jsonLines(out);
    expect((await run('documents', 'list', '-c', 'other')).out).toContain(`${String(source)}\n`);
    expect(await run('verify')).toMatchObject({ exitCode: 0 });
  });

  it('output that cannot be written is an error', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux has a device that is always full');
    const { error } = await commands.shell(folder, `millrace "$@" > /dev/full; echo "code $?" >&2`, [
      'search',
      'mill',
      '--mode',
      'text',
      '-n',
      '1000',
      '--directory',
      directory,
    ]);
    expect(error).toBe(
      'error[E_DISK_FULL]: The output could not be written (ENOSPC).\nWrite the output to a place that takes it and repeat the command.\ncode 1\n',
    );
    // Also what is written at the very end.
    expect((await commands.shell(folder, `millrace --help > /dev/full; echo "code $?" >&2`, [])).error).toMatch(
      /^error\[E_DISK_FULL\].*\n.*\ncode 1\n$/,
    );
  });
});

describe.skipIf(process.platform === 'win32')('models pull', () => {
  it('stops while the hub is silent, keeps what came and goes on', async () => {
    const hub = await startFakeHub();
    try {
      const bytes = tinyGguf({ weights: 200_000 });
      hub.answer('/o/r/resolve/main/model.gguf', { bytes, sendBytes: 300_000, ending: 'silence' }, { bytes });
      const home = join(folder, 'home');
      const pulling = [
        folder,
        ['models', 'pull', 'hf:o/r/model.gguf'],
        { HF_ENDPOINT: hub.url, MILLRACE_HOME: home, NO_PROXY: '*' },
      ] as const;
      const served = hub.served('/o/r/resolve/main/model.gguf');
      const command = commands.start(...pulling);
      await command.line('fetching', 'error');
      await served;
      await waitForBytes(join(home, 'incoming', 'hf_o_r_model.gguf', 'model.gguf.partial'), 200_000);
      command.kill('SIGINT', 'group');
      const { error } = await expectStopped(command, 130);
      expect(error).toMatch(/^Stopped\. What was fetched is kept; repeat the command to go on\.$/m);
      const again = await commands.run(...pulling);
      expect(again, again.error).toMatchObject({ exitCode: 0 });
      expect(hub.seen[1]?.range).toMatch(/^bytes=[23]\d{5}-$/);
      expect(processesOfGroup(command.pid)).toEqual([]);
    } finally {
      await hub.close();
    }
  });
});
