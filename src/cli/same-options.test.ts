import { expect, it } from 'vitest';
import type { RunRecord } from '../spec/store.ts';
import { requireSameOptions } from './same-options.ts';

const options = { collection: 'default', mode: 'text', filter: { year: 2020 }, maxTokens: 64 };
const run = { id: 'r-1', definition: { options } } as unknown as RunRecord;

it('goes on with the same options, in whatever order', () => {
  const same = { ...options, filter: { year: 2020 }, temperature: undefined };
  expect(() => requireSameOptions(run, same)).not.toThrow();
  const turned = Object.fromEntries(Object.entries(options).toReversed());
  expect(() => requireSameOptions(run, turned)).not.toThrow();
});

it('counts what the directory set by default with what the command said', () => {
  const begun = {
    id: 'r-1',
    definition: { options: { mode: 'text' }, defaults: { collection: 'laws', maxTokens: 64 } },
  } as unknown as RunRecord;
  expect(() => requireSameOptions(begun, { mode: 'text', collection: 'laws', maxTokens: 64 })).not.toThrow();
  expect(() => requireSameOptions(begun, { mode: 'text', collection: 'laws' })).toThrow('--max-tokens (64 then, not given now)');
  expect(() => requireSameOptions(begun, { mode: 'text', maxTokens: 64 })).toThrow('--collection (laws then, not given now)');
});

it('names what is no longer as it was, and the ways out', () => {
  const now = { collection: 'default', mode: 'hybrid', filter: { year: 2021 }, quotesOnly: true };
  expect(() => requireSameOptions(run, now)).toThrow(
    expect.objectContaining({
      code: 'E_RUN_CHANGED',
      message:
        'The run r-1 of these files was begun with other options: --mode (text then, hybrid now), ' +
        '--filter ({"year":2020} then, {"year":2021} now), --max-tokens (64 then, not given now), --quotes (not given then, true now).',
      remedy: expect.stringMatching(/runs resume r-1.*--force/u),
    }),
  );
});
