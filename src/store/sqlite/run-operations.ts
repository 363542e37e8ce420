import { MillraceError } from '../../errors.ts';
import type { RunId } from '../../spec/identifiers.ts';
import type { OperationOutcome, RunItem, StoreOperation } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { withoutPurged } from './purge.ts';
import { itemColumns, itemOf } from './run-rows.ts';

type RunOperation = Extract<
  StoreOperation,
  { type: 'createRun' | 'appendRunItems' | 'setRunState' | 'reopenItems' | 'renewRunItems' | 'deleteRun' | 'settleItem' }
>;

function json(value: unknown): string {
  return JSON.stringify(value ?? null);
}

function insertItems(
  connection: Connection,
  run: RunId,
  items: readonly { readonly number: number; readonly key: string; readonly input: unknown }[],
): number {
  const insert = connection.prepare(
    'INSERT INTO run_items (run, number, key, input) VALUES (?, ?, ?, ?) ON CONFLICT (run, number) DO NOTHING',
  );
  let inserted = 0;
  for (const item of items) inserted += insert.run(run, item.number, item.key, json(item.input)).changes;
  return inserted;
}

function requireRun(connection: Connection, run: RunId): void {
  if (connection.prepare('SELECT 1 FROM runs WHERE id = ?').get(run) === undefined) {
    throw new MillraceError('E_NOT_FOUND', `There is no run ${run}.`);
  }
}

/** Gives claimed items back; a higher fence refuses what their former claims still bring. */
function releaseItems(connection: Connection, run: RunId): void {
  connection
    .prepare(`UPDATE run_items SET state = 'pending', fence = fence + 1, lease_until = NULL WHERE run = ? AND state = 'claimed'`)
    .run(run);
}

/** A new writer is alone: runs and ingestions that a dead one left running are interrupted, and its claims are pending again. */
export function interruptRuns(connection: Connection, at: number): void {
  connection.db.transaction(() => {
    const rows = connection
      .prepare(`UPDATE runs SET state = 'interrupted', updated_at = ? WHERE state = 'running' RETURNING id`)
      .all(at) as { readonly id: RunId }[];
    for (const row of rows) releaseItems(connection, row.id);
    connection
      .prepare(
        `UPDATE settings SET value = json_set(value, '$.state', 'interrupted') WHERE key LIKE 'collection:%:indexing' AND value <> 'null'`,
      )
      .run();
  })();
}

/** `cancelled` settles every open item so, and stays; `interrupted` makes claimed items pending. */
function setRunState(connection: Connection, operation: Extract<RunOperation, { type: 'setRunState' }>): OperationOutcome {
  requireRun(connection, operation.run);
  const { changes } = connection
    .prepare(
      `UPDATE runs SET state = ?, progress = coalesce(?, progress), updated_at = ? WHERE id = ? AND (state <> 'cancelled' OR ? = 'cancelled')`,
    )
    .run(operation.state, operation.progress === undefined ? null : json(operation.progress), operation.at, operation.run, operation.state);
  if (changes === 0) return { done: false };
  if (operation.state === 'interrupted') releaseItems(connection, operation.run);
  if (operation.state === 'cancelled') {
    connection
      .prepare(
        `UPDATE run_items SET state = 'settled', status = 'cancelled', fence = fence + 1, lease_until = NULL, ended_at = ?
         WHERE run = ? AND state <> 'settled'`,
      )
      .run(operation.at, operation.run);
  }
  return { done: changes > 0 };
}

export function runOperation(connection: Connection, operation: RunOperation): OperationOutcome {
  switch (operation.type) {
    case 'createRun': {
      const { changes } = connection
        .prepare(
          `INSERT INTO runs (id, kind, state, definition, created_at, updated_at) VALUES (?, ?, 'running', ?, ?, ?)
           ON CONFLICT (id) DO NOTHING`,
        )
        .run(operation.run, operation.kind, json(operation.definition), operation.at, operation.at);
      return { done: insertItems(connection, operation.run, operation.items) + changes > 0 };
    }
    case 'appendRunItems':
      requireRun(connection, operation.run);
      return { done: insertItems(connection, operation.run, operation.items) > 0 };
    case 'setRunState':
      return setRunState(connection, operation);
    case 'reopenItems': {
      requireRun(connection, operation.run);
      const { changes } = connection
        .prepare(
          `UPDATE run_items SET state = 'pending', status = NULL, fence = fence + 1
           WHERE run = @run AND state = 'settled' AND status IN (SELECT value FROM json_each(@statuses))
             AND (@revision IS NULL OR json_extract(result, '$.revision') < @revision)`,
        )
        .run({ run: operation.run, statuses: JSON.stringify(operation.statuses), revision: operation.olderThanRevision ?? null });
      return { done: changes > 0 };
    }
    case 'renewRunItems': {
      requireRun(connection, operation.run);
      const renew = connection.prepare(
        `UPDATE run_items SET state = 'pending', status = NULL, fence = fence + 1, key = ?, input = ?
         WHERE run = ? AND number = ? AND state = 'settled'`,
      );
      let renewed = 0;
      for (const item of operation.items) renewed += renew.run(item.key, json(item.input), operation.run, item.number).changes;
      return { done: renewed > 0 };
    }
    case 'deleteRun':
      return { done: connection.prepare('DELETE FROM runs WHERE id = ?').run(operation.run).changes > 0 };
    case 'settleItem': {
      const { changes } = connection
        .prepare(
          `UPDATE run_items SET state = 'settled', status = ?, result = ?, error = ?, ended_at = ?, lease_until = NULL
           WHERE run = ? AND number = ? AND fence = ? AND state <> 'settled'`,
        )
        .run(
          operation.status,
          operation.result === undefined ? null : json(withoutPurged(operation.result, connection.purged)),
          operation.error === undefined ? null : json(operation.error),
          operation.at,
          operation.run,
          operation.number,
          operation.fence,
        );
      return { done: changes > 0 };
    }
  }
}

/**
 * Pending items and those whose lease has run out, lowest number first. Two reads of the index by state: one condition with `OR` would pass
 * over all that is settled, each time.
 */
export const claimableItems = `
  SELECT number FROM (SELECT number FROM run_items WHERE run = @run AND state = 'pending' ORDER BY number LIMIT @limit)
  UNION ALL SELECT number FROM run_items WHERE run = @run AND state = 'claimed' AND lease_until <= @at
  ORDER BY number LIMIT @limit`;

/** Claimable items, each with a new attempt and a new fence. */
export function claimItems(
  connection: Connection,
  run: RunId,
  options: { readonly limit: number; readonly leaseUntil: number; readonly at: number },
): readonly RunItem[] {
  requireRun(connection, run);
  const rows = connection
    .prepare(
      `UPDATE run_items SET state = 'claimed', attempt = attempt + 1, fence = fence + 1, lease_until = @leaseUntil, started_at = @at
       WHERE run = @run AND number IN (${claimableItems})
       RETURNING ${itemColumns}`,
    )
    .all({ leaseUntil: options.leaseUntil, at: options.at, run, limit: options.limit });
  return rows.map(itemOf).sort((a, b) => a.number - b.number);
}
