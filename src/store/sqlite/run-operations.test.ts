import { expect, it } from 'vitest';
import { openInMemory } from './connection.ts';
import { claimableItems } from './run-operations.ts';

it('finds the items to claim by their state, however many are settled', () => {
  const { db } = openInMemory();
  const steps = db.prepare(`EXPLAIN QUERY PLAN ${claimableItems}`).all({ run: 'r', at: 0, limit: 1 }) as { readonly detail: string }[];
  const reads = steps.map(({ detail }) => detail).filter((detail) => detail.includes('run_items'));
  expect(reads).toHaveLength(2);
  for (const read of reads) expect(read).toMatch(/INDEX run_items_state \(run=\? AND state=\?\)/);
  db.close();
});
