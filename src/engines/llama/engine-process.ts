import { MillraceError } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import { createDeferred } from '../../util/deferred.ts';
import { startSupervisedChild, type ChildExit } from '../../util/supervised-child.ts';
import type { EngineCommand, EngineMessage, EngineReply, EngineRequest } from './protocol.ts';

type WithoutId<Request> = Request extends { readonly id: number } ? Omit<Request, 'id'> : never;
export type EngineRequestBody = WithoutId<EngineRequest>;

/** One running engine child. */
export interface EngineProcess {
  readonly pid: number;
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
  /** Message, 2 s, kill. What is in flight fails with `E_SHUTTING_DOWN`. */
  close(): Promise<void>;
  kill(): void;
}

/** The running child and the handle of a model in it, as the client of a model sees them. */
export interface EngineLink {
  /** The child, once it runs and the models are loaded. @throws MillraceError E_ENGINE_CRASHED, E_SHUTTING_DOWN */
  engine(signal?: AbortSignal): Promise<EngineProcess>;
  /** The same where it runs already. */
  running(): EngineProcess | undefined;
  readonly handle: number;
}

/** Lines of the native log that go into an error. */
const errorLogLines = 12;
/** What the child may see of the environment: where the system finds libraries and temporary files. */
const passedVariables = ['PATH', 'SystemRoot', 'TEMP', 'TMP', 'TMPDIR', 'LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES'];

export function startEngineProcess(options: { readonly clock: Clock; readonly logSink?: (text: string) => void }): EngineProcess {
  const inFlight = new Map<number, (reply: EngineReply) => void>();
  const ready = createDeferred<void>();
  const exited = createDeferred<void>();
  let ended = false;
  let closing = false;
  let nextId = 1;
  const child = startSupervisedChild({
    entry: 'llama-child',
    clock: options.clock,
    env: Object.fromEntries(passedVariables.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    onMessage(message) {
      for (const reply of message as EngineMessage) {
        if (reply.type === 'ready') ready.resolve();
        else if (reply.type === 'unusable') ready.reject(MillraceError.fromJSON(reply.error));
        else deliver(reply);
      }
    },
    onExit: finish,
    ...(options.logSink === undefined ? {} : { onLog: options.logSink }),
  });

  function deliver(reply: EngineReply & { readonly id: number }): void {
    const onReply = inFlight.get(reply.id);
    if (reply.type === 'result' || reply.type === 'error') inFlight.delete(reply.id);
    onReply?.(reply);
  }

  function finish({ code, signal, log }: ChildExit): void {
    if (ended) return;
    ended = true;
    const lines = log.trimEnd().split('\n').slice(-errorLogLines);
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
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
    if (!ended) void child.send(command);
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
      send({ ...body, id });
      return () => {
        if (inFlight.has(id)) send({ type: 'cancel', id });
      };
    },
    call(body, signal, onReply) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason as Error);
          return;
        }
        let cancel = (): void => {};
        const onAbort = (): void => cancel();
        signal?.addEventListener('abort', onAbort, { once: true });
        cancel = engine.request(body, (reply) => {
          if (reply.type === 'result') resolve(reply.value);
          else if (reply.type === 'error') reject(MillraceError.fromJSON(reply.error));
          else return onReply?.(reply);
          signal?.removeEventListener('abort', onAbort);
        });
      });
    },
    async close() {
      closing = true;
      await child.stop();
    },
    kill: () => child.kill(),
  };
  return engine;
}
