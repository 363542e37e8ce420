import { expect, it } from 'vitest';
import { everyStep } from './every-step.ts';

it('runs every step in its turn, and fails with the first failure', async () => {
  const done: number[] = [];
  const fail = (number: number) => async () => {
    done.push(number);
    await Promise.reject(new Error(`Step ${number} failed.`));
  };
  const steps = [() => done.push(1), fail(2), () => Promise.resolve(done.push(3)), fail(4), () => done.push(5)];
  await expect(everyStep(steps)).rejects.toThrow('Step 2 failed.');
  expect(done).toEqual([1, 2, 3, 4, 5]);
  await everyStep([() => done.push(6)]);
  expect(done.at(-1)).toBe(6);
});
