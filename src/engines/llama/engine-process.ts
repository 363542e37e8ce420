import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import type { EngineCommand, EngineMessage, EngineReply, EngineRequest } from './protocol.ts';

type WithoutId<Request> = Request extends { readonly id: number } ? Omit<Request, 'id'> : never;
export type EngineRequestBody = WithoutId<EngineRequest>;

/** One running engine child. */
export interface EngineProcess {
  readonly pid: number | undefined;
  /** Resolves when the library is loaded. */
  readonly ready: Promise<void>;
  /** Resolves when the child has ended. */
  readonly exited: Promise<void>;
  /**
   * Sends a request; `onReply` gets what comes for it, at last a `result` or `error`. Should the child end first, the last reply is
   * an error `E_ENGINE_CRASHED`. Returns the function that cancels.
   */
  request(body: EngineRequestBody, onReply: (reply: EngineReply) => void): () => void;
  /** The result of a request that has no parts. */
  call(body: EngineRequestBody, signal?: AbortSignal, onReply?: (reply: EngineReply) => void): Promise<unknown>;
  /** Last lines of the native log. */
  log(): string;
  /** Message, 2 s, kill. */
  close(): Promise<void>;
  kill(): void;
}

/** Bytes of the native log that are kept. */
const logBytes = 64 * 1024;
const closeMs = 2000;
/** Lines of the log that go into an error. */
const errorLogLines = 12;

export function startEngineProcess(options: { readonly clock: Clock; readonly logSink?: (text: string) => void }): EngineProcess {
  const child = fork(fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './child/main.ts' : './child/main.js', import.meta.url)), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  const inFlight = new Map<number, (reply: EngineReply) => void>();
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  let log = '';
  let ended = false;
  let closing = false;
  let nextId = 1;

  child.stderr!.setEncoding('utf8');
  child.stderr!.on('data', (text: string) => {
    log = (log + text).slice(-logBytes);
    options.logSink?.(text);
  });
  child.on('message', (message) => {
    for (const reply of message as EngineMessage) {
      if (reply.type === 'ready') ready.resolve();
      else deliver(reply);
    }
  });
  child.on('error', () => finish('could not be started'));
  child.on('close', (code, signal) => finish(signal === null ? `ended with code ${code}` : `was ended by ${signal}`));

  function deliver(reply: Exclude<EngineReply, { type: 'ready' }>): void {
    const onReply = inFlight.get(reply.id);
    if (reply.type === 'result' || reply.type === 'error') inFlight.delete(reply.id);
    onReply?.(reply);
  }

  function finish(how: string): void {
    if (ended) return;
    ended = true;
    const lines = log.trimEnd().split('\n').slice(-errorLogLines);
    const error = closing
      ? new MillraceError('E_SHUTTING_DOWN', 'The engine was closed.')
      : new MillraceError('E_ENGINE_CRASHED', `The inference process ${how}. Its last line was: ${lines.at(-1) ?? ''}`, {
          details: { log: lines },
        });
    ready.reject(error);
    for (const [id, onReply] of inFlight) onReply({ type: 'error', id, error: error.toJSON() });
    inFlight.clear();
    exited.resolve();
  }

  function send(command: EngineCommand): void {
    if (!ended && child.connected) child.send(command, () => {});
  }

  const engine: EngineProcess = {
    pid: child.pid,
    ready: ready.promise,
    exited: exited.promise,
    request(body, onReply) {
      const id = nextId++;
      if (ended) {
        onReply({ type: 'error', id, error: new MillraceError('E_ENGINE_CRASHED', 'The inference process has ended.').toJSON() });
        return () => {};
      }
      inFlight.set(id, onReply);
      send({ ...body, id } as EngineRequest);
      return () => {
        if (inFlight.has(id)) send({ type: 'cancel', id });
      };
    },
    call(body, signal, onReply) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        const cancel = engine.request(body, (reply) => {
          if (reply.type === 'result') resolve(reply.value);
          else if (reply.type === 'error') reject(MillraceError.fromJSON(reply.error));
          else return onReply?.(reply);
          signal?.removeEventListener('abort', cancel);
        });
        signal?.addEventListener('abort', cancel, { once: true });
      });
    },
    log: () => log,
    async close() {
      closing = true;
      send({ type: 'shutdown' });
      const stop = options.clock.after(closeMs, () => child.kill('SIGKILL'));
      await exited.promise;
      stop();
    },
    kill: () => void child.kill('SIGKILL'),
  };
  return engine;
}
