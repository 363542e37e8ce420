import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killGroup } from './kill-group.ts';
import { couldNotStart, isPassing } from './start-error.ts';

/** What stands around the parser processes beside their limits: bubblewrap, or nothing more and why. */
export interface Isolation {
  readonly kind: 'bubblewrap' | 'process';
  /** One sentence for people. */
  readonly message: string;
  /** Puts the sandbox in front of a command; absent where there is none. */
  readonly sandbox?: (command: readonly string[]) => readonly string[];
}

const bubblewrapPaths = ['/usr/bin/bwrap', '/bin/bwrap', '/usr/local/bin/bwrap', '/run/current-system/sw/bin/bwrap'];
/** Where the program's libraries may lie. What is not there is left out. */
const libraryPaths = ['/lib', '/lib64', '/lib32', '/usr/lib', '/usr/lib64', '/usr/lib32', '/nix/store', '/etc/ld.so.cache'];

/** Limits and nothing around them. */
export const ownProcess: Isolation = { kind: 'process', message: 'The parser processes are limited, and in no sandbox.' };

const limits = 'Memory, time, files and environment of the parser processes are limited';

/**
 * Finds out, by starting it once, whether bubblewrap can stand around processes that load these modules. Takes some milliseconds.
 * @param modules the child's module and those with formats of the program, as paths or file URLs
 * @param programs where bubblewrap may be
 */
export async function detectIsolation(modules: readonly string[], programs: readonly string[] = bubblewrapPaths): Promise<Isolation> {
  if (process.platform !== 'linux') {
    return { kind: 'process', message: `${limits}; the network is closed to them on Linux only, by bubblewrap.` };
  }
  const program = programs.find((path) => existsSync(path));
  if (program === undefined) {
    return { kind: 'process', message: `${limits}; the network is not closed to them, because bubblewrap is not installed.` };
  }
  const sandbox = bubblewrap(program, modules);
  const failure = await tryToRun(sandbox([process.execPath, '--version']));
  if (failure !== undefined) {
    return { kind: 'process', message: `${limits}; the network is not closed to them, because bubblewrap does not work here: ${failure}` };
  }
  return { kind: 'bubblewrap', message: `${limits}, and bubblewrap leaves them no network and no file but those of the program.`, sandbox };
}

/** No network, no other processes, a file system that holds the program and can only be read. It ends with its parent. */
function bubblewrap(program: string, modules: readonly string[]): (command: readonly string[]) => readonly string[] {
  const readable = [...new Set([process.execPath, ...modules.flatMap(readablePaths)])];
  const options = [
    '--unshare-all --die-with-parent --cap-drop ALL --hostname parser --proc /proc --dev /dev'.split(' '),
    libraryPaths.flatMap((path) => ['--ro-bind-try', path, path]),
    readable.flatMap((path) => ['--ro-bind', path, path]),
    '--remount-ro / --chdir / --'.split(' '),
  ].flat();
  return (command) => [program, ...options, ...command];
}

/** A module's folder in its package, the `package.json`, and every `node_modules` from which it may import. */
function readablePaths(module: string): string[] {
  const path = realpathSync(module.startsWith('file:') ? fileURLToPath(module) : module);
  const folders = ancestors(path);
  const root = folders.find((folder) => existsSync(join(folder, 'package.json')));
  const [inPackage = ''] = root === undefined ? [] : relative(root, dirname(path)).split(sep);
  return [
    root === undefined ? dirname(path) : join(root, inPackage),
    ...(root === undefined ? [] : [join(root, 'package.json')]),
    ...folders.map((folder) => join(folder, 'node_modules')).filter((folder) => existsSync(folder)),
  ];
}

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestors(parent)];
}

/** Why the command does not run; undefined where it does. Rejects with `E_OVERLOADED` where that could not be found out now. */
function tryToRun(command: readonly string[]): Promise<string | undefined> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(program, args, {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 10_000,
      killSignal: 'SIGKILL',
      detached: true,
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    child.once('error', (error) => (isPassing(error) ? reject(couldNotStart(error)) : resolve(error.message)));
    child.once('exit', () => killGroup(child.pid));
    child.once('close', (code, signal) => {
      const [line = ''] = said.trim().split('\n');
      resolve(code === 0 ? undefined : line.slice(0, 300) || `it ended with ${signal ?? `exit code ${code}`}.`);
    });
  });
}
