import { expect, it } from 'vitest';
import { selectiveLines } from './eval-report.ts';

it('prints what each least confidence gives, and nothing where there is none', () => {
  const share = (value: number | null, n = 4) => ({ value, n });
  const point = {
    leastConfidence: 0.5,
    coverage: share(0.75),
    right: share(null, 0),
    abstentionRecall: share(1),
    falseRefusals: share(0.25),
  };
  const [, title, head, row] = selectiveLines('mine\u001b[31m', [point]).split('\n');
  expect(title).toContain('verify.leastConfidence');
  expect(title).not.toContain('\u001b');
  expect(head).toMatch(/leastConfidence +answered +right of these +n +abstentionRecall +falseRefusals/);
  expect(row).toMatch(/0\.50 +0\.750 +– +0 +1\.000 +0\.250/);
  expect(selectiveLines('mine', [])).toBe('');
});
