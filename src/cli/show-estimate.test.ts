import { expect, it } from 'vitest';
import { describeEstimate } from './show-estimate.ts';

it('says "about" where only a share of the items was looked at', () => {
  const estimate = { items: 3_000, unchanged: 1_200, sampled: 6, newTokens: 0, reusedTokens: 0, leastMs: 0, mostMs: 0, diskBytes: 0 };
  expect(describeEstimate(estimate, 'files')).toContain('3000 files (1200 unchanged),');
  expect(describeEstimate({ ...estimate, unchangedIsAbout: true }, 'files')).toContain('3000 files (about 1200 unchanged),');
});
