import { expect, it } from 'vitest';
import { countTogether } from './count-together.ts';

const never = new AbortController().signal;

it('counts what is asked for in one turn in one call, and gives each caller its own counts', async () => {
  const calls: (readonly string[])[] = [];
  const tokenizer = countTogether(
    {
      countTokens(texts) {
        calls.push(texts);
        return Promise.resolve(Uint32Array.from(texts, ({ length }) => length));
      },
    },
    never,
  );
  const counts = await Promise.all([tokenizer.countTokens(['a', 'bb']), tokenizer.countTokens([]), tokenizer.countTokens(['ccc'])]);
  expect(counts.map((each) => [...each])).toEqual([[1, 2], [], [3]]);
  expect(calls).toEqual([['a', 'bb', 'ccc']]);
  expect([...(await tokenizer.countTokens(['dddd']))]).toEqual([4]);
  expect(calls).toHaveLength(2);
});

it('tells every caller of a failure, and counts again afterwards', async () => {
  let fails = true;
  const tokenizer = countTogether(
    { countTokens: (texts) => (fails ? Promise.reject(new Error('gone')) : Promise.resolve(new Uint32Array(texts.length))) },
    never,
  );
  const outcomes = await Promise.allSettled([tokenizer.countTokens(['a']), tokenizer.countTokens(['b'])]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await tokenizer.countTokens(['a'])).toHaveLength(1);
});
