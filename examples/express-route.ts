/**
 * A route that streams answers as server-sent events.
 *
 *   npm install millrace express
 *   npx millrace ingest docs
 *   node express-route.ts
 *   curl -N -H 'content-type: application/json' -d '{"question": "When is the rent due?"}' http://127.0.0.1:3000/ask
 *
 * In a clone of millrace: node --conditions=millrace-source examples/express-route.ts
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { type AskOptions, type Mill, open } from 'millrace';

/** Anybody who reaches the route can use the machine: put your own authentication before it. */
export function createApp(mill: Mill): express.Express {
  const app = express();

  app.post('/ask', express.json({ limit: '100kb' }), async (request, response) => {
    const { question = '', filter } = (request.body ?? {}) as { question?: string; filter?: AskOptions['filter'] };

    // A reader who goes away cancels the work: it stops within one step of the model, also while it still waits for its turn.
    const reader = new AbortController();
    response.once('close', () => reader.abort());

    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    // sources, model-loading, answer-delta …, then one answer-end or answer-failed. Failures are events too: nothing is thrown here.
    for await (const event of mill.ask(question, { signal: reader.signal, ...(filter === undefined ? {} : { filter }) })) {
      const hasRoom = response.write(`id: ${event.sequence}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      if (!hasRoom && !response.destroyed) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    response.end();
  });

  return app;
}

if (import.meta.main) {
  // Reading works beside any other process that ingests into the same folder.
  const mill = await open({ directory: process.argv[2] ?? '.millrace', mode: 'read' });
  const server = createApp(mill).listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
  await once(server, 'listening');
  console.log(`POST http://127.0.0.1:${(server.address() as AddressInfo).port}/ask`);

  process.once('SIGINT', () => {
    // Open answers end with an event that says why, then their connections close.
    void mill.close().then(() => server.close());
  });
}
