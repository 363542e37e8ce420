import { describe, expect, it } from 'vitest';
import { chooseContext } from './choose-context.ts';
import { createReadingPace } from './reading-pace.ts';

const unset = { tokens: undefined, atOnce: undefined, passages: 3 };

describe('chooseContext', () => {
  it('reads what a slow or unknown machine can read in time, one passage after the other', () => {
    expect(chooseContext(unset, undefined)).toEqual({ tokens: 320, atOnce: 1 });
    expect(chooseContext(unset, 20)).toEqual({ tokens: 320, atOnce: 1 });
    expect(chooseContext(unset, 100)).toEqual({ tokens: 800, atOnce: 1 });
  });

  it('asks a fast machine about all passages together, over no more than is useful', () => {
    expect(chooseContext(unset, 4_000)).toEqual({ tokens: 2_000, atOnce: 3 });
  });

  it('does as the pipeline says, whatever the machine', () => {
    expect(chooseContext({ tokens: 100, atOnce: 2, passages: 3 }, 4_000)).toEqual({ tokens: 100, atOnce: 2 });
  });
});

describe('createReadingPace', () => {
  it('follows what is read, each model for itself, and ignores what is too short to tell', () => {
    const pace = createReadingPace();
    expect(pace.tokensPerSecond('a')).toBeUndefined();
    pace.add('a', 5, 1);
    expect(pace.tokensPerSecond('a')).toBeUndefined();
    pace.add('a', 100, 1_000);
    expect(pace.tokensPerSecond('a')).toBe(100);
    pace.add('a', 200, 1_000);
    expect(pace.tokensPerSecond('a')).toBe(120);
    expect(pace.tokensPerSecond('b')).toBeUndefined();
  });

  it('knows the generators that pipelines name, and that of the open directory, once they are loaded', () => {
    const pace = createReadingPace();
    pace.add('a', 100, 1_000);
    expect(pace.tokensPerSecondOf(undefined)).toBeUndefined();
    pace.isNamed('a', undefined);
    pace.isNamed('b', 'large');
    expect([pace.tokensPerSecondOf(undefined), pace.tokensPerSecondOf('large'), pace.tokensPerSecondOf('other')]).toEqual([
      100,
      undefined,
      undefined,
    ]);
  });
});
