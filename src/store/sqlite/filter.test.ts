import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { Metadata, MetadataFilter } from '../../spec/identifiers.ts';
import { filterCondition, scopeCondition } from './filter.ts';

function matches(metadata: Metadata, filter: MetadataFilter): boolean {
  const condition = filterCondition(filter);
  if (condition === undefined) return true;
  const db = new Database(':memory:');
  try {
    const sql = `SELECT ${condition.sql} AS found FROM (SELECT ? AS metadata) s`;
    const row = db.prepare(sql).get(...condition.parameters, JSON.stringify(metadata)) as { readonly found: number };
    return row.found === 1;
  } finally {
    db.close();
  }
}

describe('filterCondition', () => {
  it.each<[Metadata, MetadataFilter, boolean]>([
    [{ a: 1 }, {}, true],
    [{ a: 1 }, { a: 1 }, true],
    [{ a: 1 }, { a: '1' }, false],
    [{ a: true }, { a: 1 }, false],
    [{ a: true }, { a: true }, true],
    [{ a: false }, { a: true }, false],
    [{ a: null }, { a: null }, true],
    [{}, { a: null }, false],
    [{ a: 'x' }, { a: { in: ['y', 'x'] } }, true],
    [{ a: 'x' }, { a: { in: [] } }, false],
    [{ a: 5 }, { a: { gt: 4, lte: 5 } }, true],
    [{ a: 5 }, { a: { gt: 5 } }, false],
    [{ a: '2024-05' }, { a: { gte: '2024-01', lt: '2025' } }, true],
    [{ a: 'text' }, { a: { gt: 1 } }, false],
    [{ a: 1, b: 2 }, { a: 1, b: 3 }, false],
    [{ 'a.b"[0]$': 1 }, { 'a.b"[0]$': 1 }, true],
    [{ 'zeile\n\\ü': 1 }, { 'zeile\n\\ü': 1 }, true],
    [{ a: 'x' }, { a: `y' OR '1'='1` }, false],
  ])('%j with %j: %s', (metadata, filter, expected) => {
    expect(matches(metadata, filter)).toBe(expected);
  });

  it('puts no value and no name into the SQL text', () => {
    const { sql } = scopeCondition({ collection: 'C-name', filter: { 'K-name': 'V-text' }, documents: [] });
    expect(sql).not.toMatch(/name|V-text/);
  });
});
