import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type FetchContext, type PipCommand, SourceError } from './fetch-step.ts';

/** The ways that are tried, in order. */
export const pipCommands: readonly PipCommand[] = [
  { command: 'pip', arguments: [] },
  { command: 'pip3', arguments: [] },
  { command: 'python3', arguments: ['-m', 'pip'] },
  { command: 'python', arguments: ['-m', 'pip'] },
  { command: 'py', arguments: ['-m', 'pip'] },
];

const pollMs = 500;
/** Longest time in which pip writes nothing, including its own retries. */
const silenceLimitMs = 180_000;
const killAfterMs = 2_000;
const keptOutputBytes = 16 * 1024;

/**
 * Downloads one wheel with the user's own pip, which knows index, proxy and certificates; nothing of it is installed or run.
 * Yields the bytes written so far, while it writes.
 *
 * @returns the path of the wheel, in a fresh folder inside `folder`
 * @throws SourceError when there is no pip, or pip fails
 */
export async function* pipDownload(
  name: string,
  version: string,
  folder: string,
  context: FetchContext,
): AsyncGenerator<number, string, undefined> {
  const failures: string[] = [];
  for (const pip of context.pip) {
    await mkdir(folder, { recursive: true });
    const target = await mkdtemp(join(folder, 'pip-'));
    const outcome = yield* runPip(pip, `${name}==${version}`, target, context);
    if (outcome.kind === 'absent') continue;
    if (outcome.kind === 'failed') {
      failures.push(outcome.message);
      if (outcome.unusable) continue;
      throw new SourceError(`pip could not download ${name}==${version}: ${outcome.message}`);
    }
    const wheels = (await readdir(target)).filter((file) => file.endsWith('.whl'));
    const [wheel] = wheels;
    if (wheel === undefined || wheels.length !== 1)
      throw new SourceError(`pip downloaded ${wheels.length} wheels for ${name}==${version}.`);
    return join(target, wheel);
  }
  throw new SourceError(
    failures.length === 0 ? 'pip was not found; it comes with Python (python.org).' : `pip does not work here: ${failures.join(' ')}`,
  );
}

type PipOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly message: string; readonly unusable: boolean };

async function* runPip(
  pip: PipCommand,
  requirement: string,
  target: string,
  context: FetchContext,
): AsyncGenerator<number, PipOutcome, undefined> {
  const scratch = join(target, 'scratch');
  await mkdir(scratch);
  const options = [
    '--no-deps',
    '--only-binary',
    ':all:',
    '--no-cache-dir',
    '--no-input',
    '--disable-pip-version-check',
    '--progress-bar',
    'off',
  ];
  const child = spawn(pip.command, [...pip.arguments, 'download', ...options, '--dest', target, requirement], {
    // pip collects the wheel in its temporary folder; ours is on the right disk, can be watched, and is deleted with the rest.
    env: { ...context.environment, TMPDIR: scratch, TEMP: scratch, TMP: scratch },
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const running = watchChild(child);
  try {
    let lastBytes = -1;
    let lastChange = context.clock.monotonic();
    for (;;) {
      context.signal?.throwIfAborted();
      if (await waitBriefly(running.ended, context)) break;
      const bytes = await folderBytes(target);
      const now = context.clock.monotonic();
      if (bytes !== lastBytes) lastChange = now;
      else if (now - lastChange > silenceLimitMs)
        return { kind: 'failed', message: 'it wrote nothing for three minutes.', unusable: false };
      lastBytes = bytes;
      yield bytes;
    }
    return await running.ended;
  } finally {
    await stopChild(child, running.ended, context);
  }
}

function watchChild(child: ChildProcess): { readonly ended: Promise<PipOutcome> } {
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = `${output}${chunk.toString('utf8')}`.slice(-keptOutputBytes);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const ended = new Promise<PipOutcome>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve({ kind: 'absent' });
      else resolve({ kind: 'failed', message: error.message, unusable: true });
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve({ kind: 'done' });
      else
        resolve({
          kind: 'failed',
          message: lastLines(output) || `it ended with ${signal ?? `code ${code}`}.`,
          unusable: /No module named '?pip/u.test(output),
        });
    });
  });
  return { ended };
}

/** True when the child ended within the pause. */
async function waitBriefly(ended: Promise<PipOutcome>, context: FetchContext): Promise<boolean> {
  const pause = new AbortController();
  const signal = context.signal === undefined ? pause.signal : AbortSignal.any([context.signal, pause.signal]);
  const slept = context.clock.sleep(pollMs, signal).then(
    () => false,
    () => false,
  );
  const finished = await Promise.race([ended.then(() => true), slept]);
  pause.abort();
  return finished;
}

async function stopChild(child: ChildProcess, ended: Promise<PipOutcome>, context: FetchContext): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const cancel = context.clock.after(killAfterMs, () => child.kill('SIGKILL'));
  await ended;
  cancel();
}

/** The end of pip's output without credentials and control codes. */
function lastLines(output: string): string {
  const lines = stripVTControlCharacters(output)
    .replaceAll(/\/\/[^/\s@]*@/gu, '//')
    .split(/[\r\n]+/u)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const errors = lines.filter((line) => line.startsWith('ERROR'));
  return (errors.length === 0 ? lines.slice(-2) : errors.slice(-2)).join(' ').slice(0, 400);
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    // pip moves its files while they are looked at.
    if (entry.isFile())
      bytes += await stat(join(entry.parentPath, entry.name)).then(
        (stats) => stats.size,
        () => 0,
      );
  }
  return bytes;
}
