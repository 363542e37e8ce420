import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { areDependenciesInstalled, isNodeRecentEnough, nodePackages } from '../scripts/private-node.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const oldNode = findOldNode();
const unix = process.platform !== 'win32';

describe('which Node is new enough', () => {
  it.each(['22.18.0', '22.23.3', '23.6.0', '24.0.0', '26.10.0'])('%s is', (version) => expect(isNodeRecentEnough(version)).toBe(true));
  it.each(['18.19.1', '20.20.2', '22.17.9', '23.5.0'])('%s is not', (version) => expect(isNodeRecentEnough(version)).toBe(false));

  it('pins packages whose Node is new enough, by hash', () => {
    for (const entry of Object.values(nodePackages)) {
      expect(isNodeRecentEnough(entry.version)).toBe(true);
      expect(entry.integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    }
  });
});

describe('whether the dependencies are installed', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-bootstrap-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const lock = (name: string, packages: object): void => {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, name), JSON.stringify({ packages }));
  };

  it('compares the lock with the list that npm keeps, leaving out optional packages of other platforms', () => {
    lock('package-lock.json', { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } });
    expect(areDependenciesInstalled(folder)).toBe(false);
    lock('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } });
    expect(areDependenciesInstalled(folder)).toBe(true);
    lock('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.1' } });
    expect(areDependenciesInstalled(folder)).toBe(false);
    lock('node_modules/.package-lock.json', {});
    expect(areDependenciesInstalled(folder)).toBe(false);
  });
});

/** A clone with a command line of a few lines in place of ours, and the running Node in the place of the private one. */
describe.runIf(unix)('bin/millrace.js', () => {
  const clone = mkdtempSync(path.join(tmpdir(), 'millrace-clone-'));
  const bin = path.join(clone, 'bin/millrace.js');

  beforeAll(() => {
    for (const folder of ['bin', 'scripts']) cpSync(path.join(root, folder), path.join(clone, folder), { recursive: true });
    writeFileSync(path.join(clone, 'package.json'), '{"type":"module"}');
    mkdirSync(path.join(clone, 'src/cli'), { recursive: true });
    writeFileSync(
      path.join(clone, 'src/cli/main.ts'),
      `export async function main(list: string[]): Promise<number> {
        if (list[0] === 'wait') {
          const held = setInterval(() => {}, 1000);
          const signal = await new Promise<string>((resolve) => {
            for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => resolve(name));
            process.stdout.write('ready\\n');
          });
          clearInterval(held);
          process.stdout.write(signal);
          return 130;
        }
        if (list[0] === 'die') process.kill(process.pid, 'SIGKILL');
        process.stdout.write(JSON.stringify({ node: process.versions.node, list }));
        return 3;
      }`,
    );
    const entry = nodePackages[`${process.platform}-${process.arch}` as keyof typeof nodePackages];
    if (entry === undefined) return;
    const place = path.join(clone, '.millrace-node', `${entry.name}-${entry.version}`, 'node_modules', entry.name, entry.binary);
    mkdirSync(path.dirname(place), { recursive: true });
    symlinkSync(process.execPath, place);
  });
  afterAll(() => rmSync(clone, { recursive: true, force: true }));

  it('runs the sources of a clone with the running Node and keeps arguments and exit code', () => {
    const result = spawnSync(process.execPath, [bin, 'ask', 'two words', '--json'], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toEqual({ node: process.versions.node, list: ['ask', 'two words', '--json'] });
    expect(result.status).toBe(3);
  });

  describe.skipIf(oldNode === undefined)(`under an old Node (${oldNode ?? 'skipped: no Node older than 22.18 on this machine'})`, () => {
    const node = oldNode ?? '';

    it('runs the sources of a clone with the private Node and keeps arguments and exit code', () => {
      const result = spawnSync(node, [bin, 'ask', 'two words'], { encoding: 'utf8' });
      expect(result.stderr).toBe('');
      expect(JSON.parse(result.stdout)).toEqual({ node: process.versions.node, list: ['ask', 'two words'] });
      expect(result.status).toBe(3);
    });

    it('ends by the signal that ended the program', () => {
      expect(spawnSync(node, [bin, 'die']).signal).toBe('SIGKILL');
    });

    it('hands SIGTERM on and keeps the exit code', async () => {
      const child = spawn(node, [bin, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output === 'ready\n') child.kill('SIGTERM');
      });
      const [code] = (await once(child, 'close')) as [number | null];
      expect({ output, code }).toEqual({ output: 'ready\nSIGTERM', code: 130 });
    });

    it('refuses to run the published package, with the code and what to do', () => {
      const published = path.join(clone, 'published');
      mkdirSync(path.join(published, 'bin'), { recursive: true });
      cpSync(bin, path.join(published, 'bin/millrace.js'));
      const result = spawnSync(node, [path.join(published, 'bin/millrace.js'), '--help'], { encoding: 'utf8' });
      expect(result.status).toBe(1);
      expect(result.stderr).toMatch(/^E_NODE_TOO_OLD: .* 22\.18 or newer\. Install a newer Node\.js/);
    });

    it('names what cannot be fetched and the alternatives when there is no network', () => {
      const bare = path.join(clone, 'bare');
      for (const folder of ['bin', 'scripts', 'src']) cpSync(path.join(clone, folder), path.join(bare, folder), { recursive: true });
      writeFileSync(path.join(bare, 'package.json'), '{"type":"module"}');
      const env = {
        ...process.env,
        npm_config_offline: 'true',
        npm_config_cache: path.join(bare, 'empty'),
        MILLRACE_HOME: path.join(bare, 'home'),
      };
      const result = spawnSync(node, [path.join(bare, 'bin/millrace.js')], { encoding: 'utf8', env });
      expect(result.status).toBe(1);
      expect(result.stderr).toContain('npm could not install node-');
      expect(result.stderr).toContain('install Node 22.18 or newer yourself');
      expect(result.stderr).toContain('npm config set https-proxy');
      expect(readdirSync(path.join(bare, '.millrace-node'))).toEqual([]);
    });
  });
});

describe('scripts/bootstrap.js', () => {
  it('refuses an unknown task and names the known ones', () => {
    const result = spawnSync(process.execPath, [path.join(root, 'scripts/bootstrap.js'), 'deploy'], { encoding: 'utf8' });
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/<demo\|test\|check\|build\|/);
  });
});

/** The first Node on this machine that is too old for us: in PATH, in the usual system folders, or named by `MILLRACE_OLD_NODE`. */
function findOldNode(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/bin', '/usr/local/bin'];
  const candidates = [process.env['MILLRACE_OLD_NODE'] ?? '', ...folders.map((folder) => path.join(folder, 'node'))];
  return candidates.find((file) => {
    if (file === '' || !existsSync(file)) return false;
    const version = spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1);
    return version !== '' && !isNodeRecentEnough(version);
  });
}
