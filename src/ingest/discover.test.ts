import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discover } from './discover.ts';

let folder = '';
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-discover-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Paths below the folder; what cannot be reached as its error. */
async function found(...sources: string[]): Promise<string[]> {
  const names: string[] = [];
  for await (const one of discover(sources, { workingDirectory: folder })) {
    if (one.kind === 'file') names.push(one.path.replace(`${folder}/`, ''));
    else if (one.kind === 'unreachable') names.push(`${one.error.code}: ${one.error.message.replaceAll(folder, '')}`);
  }
  return names;
}

describe('discover', () => {
  it('walks a folder in order of path, without hidden names, node_modules and folders of git', async () => {
    write({
      'b.txt': '',
      'a/z.txt': '',
      'a/b/c.md': '',
      '.hidden/x.txt': '',
      '.env': '',
      'node_modules/p/readme.md': '',
      '.git/config': '',
      'a-b.txt': '',
    });
    expect(await found('.')).toEqual(['a/b/c.md', 'a/z.txt', 'a-b.txt', 'b.txt']);
  });

  it('honours ignore files of every folder, the deeper one last', async () => {
    write({
      '.gitignore': '*.log\n/build/\nsecret*\n',
      '.millraceignore': 'drafts/\n',
      'a.txt': '',
      'a.log': '',
      'build/out.txt': '',
      'sub/build/in.txt': '',
      'sub/.gitignore': '!kept.log\n*.tmp\n',
      'sub/kept.log': '',
      'sub/other.log': '',
      'sub/x.tmp': '',
      'sub/drafts/one.txt': '',
      'sub/deep/.millraceignore': 'only.txt\n!x.tmp\n',
      'sub/deep/only.txt': '',
      'sub/deep/x.tmp': '',
      'x.tmp': '',
      'secrets/.gitignore': '!*\n',
      'secrets/plan.txt': '',
    });
    const expected = ['a.txt', 'sub/build/in.txt', 'sub/deep/x.tmp', 'sub/kept.log', 'x.tmp'];
    expect(await found('.')).toEqual(expected);
    expect(await found('**/*')).toEqual(expected);
  });

  it('leaves out the same files as git does', async () => {
    write({
      '.gitignore': '*.log\n/out\n!important.log\ndocs/*.txt\n**/cache/\n',
      'important.log': '',
      'a.log': '',
      'out/a.txt': '',
      'sub/out/a.txt': '',
      'docs/a.txt': '',
      'docs/deep/a.txt': '',
      'docs/.gitignore': '!a.txt\n',
      'x/cache/y.txt': '',
    });
    try {
      execFileSync('git', ['init', '-q'], { cwd: folder });
    } catch {
      return;
    }
    const listed = execFileSync('git', ['ls-files', '-o', '--exclude-standard'], { cwd: folder, encoding: 'utf8' });
    const visible = listed.split('\n').filter((name) => name !== '' && !name.includes('.git'));
    expect((await found('.')).toSorted()).toEqual(visible.toSorted());
  });

  it('reads what is named outright, ignored or hidden', async () => {
    write({ '.gitignore': 'data/\n*.txt', 'data/a.txt': '', 'data/b.md': '', '.hidden.md': '' });
    expect(await found('data', 'data/a.txt', '.hidden.md')).toEqual(['data/a.txt', 'data/b.md', 'data/a.txt', '.hidden.md']);
    expect(await found('data/*.md')).toEqual(['data/b.md']);
  });

  it('expands patterns from the folder that they name in plain words, also outside the working directory and absolute', async () => {
    write({ 'work/a.txt': '', 'docs/x.pdf': '', 'docs/deep/y.pdf': '', 'docs/z.txt': '', 'docs/node_modules/p.pdf': '' });
    const names: string[] = [];
    for await (const one of discover(['../docs/**/*.pdf', join(folder, 'docs', '*.txt')], { workingDirectory: join(folder, 'work') })) {
      if (one.kind === 'file') names.push(`${one.path.replace(folder, '')} below ${one.root.replace(folder, '')}`);
    }
    expect(names).toEqual(['/docs/deep/y.pdf below /docs', '/docs/x.pdf below /docs', '/docs/z.txt below /docs']);
  });

  it('walks only folders that can hold what a pattern names', async () => {
    write({ 'a/x.md': '', 'a/b/y.md': '', 'a/b/c/z.md': '', 'n/x.md': '', 'n/b/y.md': '' });
    // What cannot be listed would be told: the rules of a folder that is not entered are never read.
    mkdirSync(join(folder, 'n/b/.gitignore'));
    expect(await found('a*/*.md')).toEqual(['a/x.md']);
    expect(await found('*/b/*.md')).toEqual(['a/b/y.md', 'n/b/y.md']);
    expect(await found('a/b/c*')).toEqual(['E_SOURCE_MISSING: No file matches the pattern "a/b/c*".']);
    expect(await found('[a]')).toEqual(['a/b/c/z.md', 'a/b/y.md', 'a/x.md']);
    expect(await found('{a,n}/b/*.md')).toEqual(['a/b/y.md', 'n/b/y.md']);
    expect(await found('a/**/c/*')).toEqual(['a/b/c/z.md']);
  });

  it('takes a name with signs of patterns for the file that has it', async () => {
    write({ 'a[1].txt': '', 'a1.txt': '' });
    expect(await found('a[1].txt')).toEqual(['a[1].txt']);
  });

  it('says of a path or pattern that it names nothing', async () => {
    write({ 'a.txt': '' });
    expect(await found('missing', 'a.txt/below', '*.pdf')).toEqual([
      'E_SOURCE_MISSING: The path /missing does not exist.',
      'E_SOURCE_MISSING: The path /a.txt/below does not exist.',
      'E_SOURCE_MISSING: No file matches the pattern "*.pdf".',
    ]);
  });

  it('does not follow links to folders, and hands links to files on', async () => {
    write({ 'real/a.txt': '' });
    symlinkSync(join(folder, 'real'), join(folder, 'loop'));
    symlinkSync(folder, join(folder, 'real', 'up'));
    symlinkSync(join(folder, 'real', 'a.txt'), join(folder, 'link.txt'));
    symlinkSync(join(folder, 'nowhere'), join(folder, 'broken.txt'));
    expect(await found('.')).toEqual(['broken.txt', 'link.txt', 'real/a.txt']);
  });

  it.skipIf(process.getuid?.() === 0)('reports a folder that cannot be read and goes on', async () => {
    write({ 'a.txt': '', 'closed/b.txt': '', 'c.txt': '' });
    chmodSync(join(folder, 'closed'), 0);
    expect(await found('.')).toEqual(['a.txt', 'c.txt', 'E_SOURCE_UNREADABLE: The folder /closed cannot be read (EACCES).']);
    chmodSync(join(folder, 'closed'), 0o700);
  });

  it('hands the program’s own sources on as they are', async () => {
    const source = { id: 'row', text: 'A text.' };
    expect(await Array.fromAsync(discover([source], { workingDirectory: folder }))).toEqual([{ kind: 'handed', source }]);
  });
});
