import { expect, it } from 'vitest';
import type { MillraceError } from '../errors.ts';
import { createDeferred } from '../util/deferred.ts';
import { sendStreamed } from './streamed-file.ts';

const { signal } = new AbortController();

it('waits for no child that has answered before it read the file, and takes no such answer', async () => {
  const ended: MillraceError[] = [];
  const guard = { end: (error: MillraceError) => void ended.push(error), reason: () => ended[0] };
  const written = createDeferred<void>();
  let pieces = 0;
  // As a pipe that nobody reads from.
  const child = {
    write() {
      pieces += 1;
      written.resolve();
      return createDeferred<void>().promise;
    },
  };
  async function* read() {
    await Promise.resolve();
    for (let piece = 0; piece < 4; piece += 1) yield Buffer.alloc(10);
  }
  const file = sendStreamed(child, { request: { name: 'a.txt', bytes: { length: 40, read } }, signal }, guard);
  await written.promise;
  const failure = await file.end();
  expect(failure).toMatchObject({ message: expect.stringContaining('not all were read') as string });
  expect(ended).toEqual([failure]);
  expect(pieces).toBe(1);
});
