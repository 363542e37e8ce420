import { expect, it } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { createIndexNotices } from './index-notices.ts';

function createBench() {
  const clock = createManualClock();
  let told = 0;
  const notices = createIndexNotices(clock, () => (told += 1));
  return { clock, notices, told: () => told };
}

it('tells of new vectors once no more come for a second', async () => {
  const { clock, notices, told } = createBench();
  for (let call = 0; call < 10; call += 1) {
    notices.added(1_000);
    await clock.advance(900);
  }
  expect(told()).toBe(0);
  await clock.advance(100);
  expect(told()).toBe(1);
  await clock.advance(10_000);
  expect(told()).toBe(1);
});

it('does not wait for the end of a long burst', async () => {
  const { clock, notices, told } = createBench();
  for (let call = 0; call < 205; call += 1) notices.added(1_000);
  expect(told()).toBe(2);
  await clock.advance(1_000);
  expect(told()).toBe(3);
});

it('says nothing of a few vectors, and nothing after it was stopped', async () => {
  const { clock, notices, told } = createBench();
  expect(notices.any).toBe(false);
  notices.added(1_500);
  expect(notices.any).toBe(true);
  await clock.advance(5_000);
  expect(told()).toBe(0);
  notices.added(1_500);
  notices.stop();
  await clock.advance(5_000);
  expect(told()).toBe(0);
});
