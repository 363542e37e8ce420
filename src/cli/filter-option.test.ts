import { describe, expect, it } from 'vitest';
import { filterOption } from './filter-option.ts';

describe('filterOption', () => {
  it('collects conditions, numbers and booleans by how they read', () => {
    const first = filterOption('team=roads');
    expect(filterOption('year=2024', first)).toEqual({ team: 'roads', year: 2024 });
    expect(filterOption('open=true')).toEqual({ open: true });
    expect(filterOption('by=null')).toEqual({ by: null });
    expect(filterOption('year="2024"')).toEqual({ year: '2024' });
    expect(filterOption('formula=a=b')).toEqual({ formula: 'a=b' });
    expect(filterOption('note=')).toEqual({ note: '' });
    expect(filterOption('zip=01234')).toEqual({ zip: '01234' });
    expect(filterOption('id=12345678901234567890')).toEqual({ id: '12345678901234567890' });
    expect(filterOption('rate=-0.5')).toEqual({ rate: -0.5 });
  });

  it('refuses what has no key', () => {
    expect(() => filterOption('=x')).toThrow(/key=value/);
    expect(() => filterOption('x')).toThrow(/key=value/);
  });
});
