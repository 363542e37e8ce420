import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole file; ranges are cut out of it. */
  readonly bytes?: Buffer;
  /** Sends only this many bytes of what was asked for, then falls silent or breaks the connection. */
  readonly sendBytes?: number;
  readonly ending?: 'silence' | 'break';
  /** Put off the break until this settles. */
  readonly until?: () => Promise<void>;
  readonly ignoreRange?: boolean;
}

export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface FakeHub {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** Answers for a path, one a request; the last one stays. */
  answer(path: string, ...answers: FakeAnswer[]): void;
  /** Settles when a request for the path has been answered (for silent ones: when the bytes were handed over). */
  served(path: string): Promise<void>;
  close(): Promise<void>;
}

/** An HTTP server on the loopback interface that behaves like a model hub, also badly. */
export async function startFakeHub(): Promise<FakeHub> {
  const answers = new Map<string, FakeAnswer[]>();
  const seen: SeenRequest[] = [];
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const server = createServer((request, response) => {
    const path = decodeURI(request.url ?? '');
    seen.push({ path, range: request.headers.range, authorization: request.headers.authorization });
    const queue = answers.get(path) ?? [];
    const answer = queue.length > 1 ? queue.shift() : queue[0];
    respond(request, response, answer ?? { status: 404 });
    waiting.get(path)?.resolve();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer: (path, ...list) => void answers.set(path, list),
    served(path) {
      const deferred = waiting.get(path) ?? Promise.withResolvers<void>();
      waiting.set(path, deferred);
      return deferred.promise;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function respond(request: IncomingMessage, response: ServerResponse, answer: FakeAnswer): void {
  const bytes = answer.bytes ?? Buffer.alloc(0);
  const start = answer.ignoreRange === true ? undefined : /^bytes=(\d+)-$/u.exec(request.headers.range ?? '')?.[1];
  const from = Number(start ?? 0);
  if (start !== undefined && from >= bytes.byteLength) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.byteLength}`, ...answer.headers }).end();
    return;
  }
  const body = bytes.subarray(from);
  const partial = start !== undefined && answer.status === undefined;
  response.writeHead(partial ? 206 : (answer.status ?? 200), {
    'content-length': String(body.byteLength),
    ...(partial ? { 'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` } : {}),
    ...answer.headers,
  });
  if (answer.ending === undefined) {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, answer.sendBytes ?? 0), () => {
    if (answer.ending === 'break') void (answer.until?.() ?? Promise.resolve()).then(() => response.socket?.destroySoon());
  });
}
