import { describe, expect, it } from 'vitest';
import { createPulse } from './pulse.ts';

describe('createPulse', () => {
  it('tells of a beat after the question, not of one before', async () => {
    const pulse = createPulse();
    pulse.beat();
    const next = pulse.next();
    expect(await Promise.race([next, Promise.resolve('nothing')])).toBe('nothing');
    pulse.beat();
    expect(await next).toBe(true);
  });

  it('gives a loop that asked before the end one more look, and no other', async () => {
    const pulse = createPulse();
    const asked = pulse.next();
    pulse.end();
    expect(await asked).toBe(true);
    expect(await pulse.next()).toBe(false);
  });
});
