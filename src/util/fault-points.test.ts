import { describe, expect, it } from 'vitest';
import { noFaults } from '../spec/faults.ts';
import { createFaultPoints } from './fault-points.ts';

describe('createFaultPoints', () => {
  it('is nothing at all where none is asked for', () => {
    expect(createFaultPoints({})).toBe(noFaults);
    expect(createFaultPoints({ MILLRACE_FAULT: '' })).toBe(noFaults);
  });

  it('throws what the system would, at the wanted hit, once', () => {
    const faults = createFaultPoints({ MILLRACE_FAULT: 'source-read:2:EIO,document-made:1:ENOSPC' });
    faults.reach('source-read');
    faults.reach('source-looked');
    expect(() => faults.reach('source-read')).toThrow(expect.objectContaining({ code: 'EIO' }) as Error);
    faults.reach('source-read');
    expect(() => faults.reach('document-made')).toThrow(expect.objectContaining({ code: 'ENOSPC' }) as Error);
  });

  it.each(['nowhere:1:kill', 'source-read:0:kill', 'source-read:1:explode now'])('refuses %j', (value) => {
    expect(() => createFaultPoints({ MILLRACE_FAULT: value })).toThrow(expect.objectContaining({ code: 'E_CONFIG_INVALID' }) as Error);
  });
});
