import { expect, it } from 'vitest';
import { entryPath } from '../util/entry.ts';
import { startParserChild } from './parser-child.ts';
import { encodeFrame } from './wire.ts';

it.skipIf(process.platform === 'win32')('a parser child outlives Ctrl-C, which reaches every process of a terminal', async () => {
  const child = startParserChild({ entry: entryPath('parse-child'), heapBytes: 64 * 1024 * 1024 });
  try {
    const text = new TextEncoder().encode('A text.');
    const parse = () =>
      child.exchange(encodeFrame({ name: 'a.txt' }, [text]), { maxAnswerBytes: 1_000_000, takePortion: () => Promise.resolve() });
    expect((await parse())?.header).toMatchObject({ outcome: 'parsed' });
    process.kill(child.pid ?? 0, 'SIGINT');
    expect((await parse())?.header).toMatchObject({ outcome: 'parsed' });
  } finally {
    child.kill();
    await child.ended;
  }
});

it('a parser child that has ended answers nothing, at once', async () => {
  const child = startParserChild({ entry: entryPath('parse-child'), heapBytes: 64 * 1024 * 1024 });
  child.kill();
  await child.ended;
  const request = encodeFrame({ name: 'a.txt' }, [new TextEncoder().encode('A text.')]);
  await expect(child.exchange(request, { maxAnswerBytes: 1_000_000, takePortion: () => Promise.resolve() })).resolves.toBeUndefined();
});

it.skipIf(process.platform === 'win32')(
  'a parser child ends with what its sandbox has begun, also where somebody kills the sandbox alone',
  async () => {
    // What it says is no answer.
    const sandbox = () => ['/bin/sh', '-c', 'sleep 600 & echo It has begun. >&3; wait'];
    const child = startParserChild({ entry: entryPath('parse-child'), heapBytes: 64 * 1024 * 1024, sandbox });
    await child.exchange([], { maxAnswerBytes: 1_000_000, takePortion: () => Promise.resolve() });
    process.kill(child.pid ?? 0, 'SIGKILL');
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
  },
);
