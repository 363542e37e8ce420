import { expect, it } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { createStatusLine } from './status-line.ts';
import type { Terminal } from './terminal.ts';

function terminal(interactive: boolean) {
  const printed: string[] = [];
  const given: Terminal = {
    out: () => expect.unreachable('status belongs on standard error'),
    error: (text) => void printed.push(text),
    interactive,
    columns: 12,
    environment: {},
    workingDirectory: '/',
    signal: new AbortController().signal,
  };
  return { given, printed };
}

it('writes over its own line on a terminal, cut to its width, below the lines that stay', () => {
  const { given, printed } = terminal(true);
  const status = createStatusLine(given, createManualClock());
  status.show('reading 1 of 9 files');
  status.show('reading 1 of 9 files');
  status.print('failed  a.pdf');
  status.clear();
  status.clear();
  const wiped = '\r\u001b[2K';
  expect(printed).toEqual([`${wiped}reading 1 o`, wiped, 'failed  a.pdf\n', `${wiped}reading 1 o`, wiped]);
});

it('writes at most one line in five seconds elsewhere, and no control character', async () => {
  const { given, printed } = terminal(false);
  const clock = createManualClock();
  const status = createStatusLine(given, clock);
  status.show('one');
  await clock.advance(5_000);
  status.show('two');
  status.show('three');
  status.print('failed  a.pdf');
  status.clear();
  expect(printed).toEqual(['two\n', 'failed  a.pdf\n']);
});

it('says nothing when it is asked to be quiet, but keeps the lines that stay', () => {
  const { given, printed } = terminal(true);
  const status = createStatusLine(given, createManualClock(), true);
  status.show('reading');
  status.print('failed  a.pdf');
  expect(printed).toEqual(['failed  a.pdf\n']);
});
