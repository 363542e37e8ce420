import { expect, it } from 'vitest';
import { untilQuiet } from './until-quiet.ts';

/** Pauses it takes, when the number is what `counts` gives after so many of them. */
async function pauses(counts: (pauses: number) => number, isOver: (pauses: number) => boolean = () => false): Promise<number> {
  let taken = 0;
  await untilQuiet(
    () => counts(taken),
    () => {
      taken += 1;
      return Promise.resolve();
    },
    () => isOver(taken),
  );
  return taken;
}

it('waits until nothing more comes, for ten pauses at most', async () => {
  expect(await pauses(() => 3)).toBe(1);
  expect(await pauses((taken) => Math.min(taken, 4))).toBe(5);
  expect(await pauses((taken) => taken)).toBe(10);
});

it('waits for nothing once there is nothing to wait for', async () => {
  expect(
    await pauses(
      (taken) => taken,
      (taken) => taken === 2,
    ),
  ).toBe(2);
});
