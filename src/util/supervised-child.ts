import { fork, type ChildProcess } from 'node:child_process';
import type { Clock } from './clock.ts';
import { createDeferred } from './deferred.ts';
import { entryPath, type EntryName } from './entry.ts';

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 64 KB of its standard error. */
  readonly log: string;
}

export interface SupervisedChildOptions {
  readonly entry: EntryName;
  readonly clock: Clock;
  readonly args?: readonly string[];
  /** The whole environment of the child. Default: empty. */
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  readonly onMessage: (message: unknown) => void;
  /** Its standard error as it comes. */
  readonly onLog?: (text: string) => void;
  /** Called once, after the last message. */
  readonly onExit: (exit: ChildExit) => void;
}

/**
 * A child process with one owner: messages both ways (structured clone), its standard error kept, ended by message, then by force.
 * Children ignore SIGINT, SIGTERM and SIGHUP themselves, are killed when this process exits, and end when the channel closes, so none
 * outlives its parent, whatever it is stuck in.
 */
export interface SupervisedChild {
  readonly pid: number;
  /** Resolves when the message was handed to the channel; false when the child is gone. */
  send(message: unknown): Promise<boolean>;
  /** `{type: 'shutdown'}`, then after `graceMs` (default 2,000) SIGKILL. Resolves at its end. */
  stop(graceMs?: number): Promise<ChildExit>;
  kill(): void;
  readonly exited: Promise<ChildExit>;
}

const keptLogBytes = 64 * 1024;

export function startSupervisedChild(options: SupervisedChildOptions): SupervisedChild {
  const child: ChildProcess = fork(entryPath(options.entry), options.args ?? [], {
    env: { ...options.env },
    execArgv: ['--disable-warning=ExperimentalWarning', ...(options.execArgv ?? [])],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    windowsHide: true,
  });
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const exited = createDeferred<ChildExit>();
  let log = '';
  let ended = false;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-keptLogBytes);
    options.onLog?.(text);
  });
  child.on('message', options.onMessage);
  child.once('error', (error) => {
    log = `${log}${error.message}\n`;
    if (child.pid === undefined) settle(null, null);
  });
  child.once('close', settle);

  /** A child that could not be started may tell both `error` and `close`. */
  function settle(code: number | null, signal: NodeJS.Signals | null): void {
    if (ended) return;
    ended = true;
    process.off('exit', killAtExit);
    const exit = { code, signal, log };
    exited.resolve(exit);
    options.onExit(exit);
  }

  const send = (message: unknown): Promise<boolean> =>
    new Promise((resolve) => {
      if (!child.connected) resolve(false);
      else child.send(message as object, (error) => resolve(error === null));
    });

  return {
    pid: child.pid ?? -1,
    exited: exited.promise,
    send,
    kill: () => void child.kill('SIGKILL'),
    stop(graceMs = 2_000) {
      // Not after the message has left: a child that reads nothing any more would never be ended.
      const cancelTimer = options.clock.after(graceMs, () => child.kill('SIGKILL'));
      void send({ type: 'shutdown' });
      return exited.promise.finally(cancelTimer);
    },
  };
}
