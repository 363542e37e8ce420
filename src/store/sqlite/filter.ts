import type { MetadataFilter } from '../../spec/identifiers.ts';
import type { SearchScope } from '../../spec/store.ts';

/** A condition in SQL with its parameters. No value and no name of a caller is ever part of the SQL text. */
export interface SqlCondition {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

type Scalar = string | number | boolean | null;

const comparisons = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function member(key: string, test: SqlCondition): SqlCondition {
  return {
    sql: `EXISTS (SELECT 1 FROM json_each(s.metadata) m WHERE m.key = ? AND ${test.sql})`,
    parameters: [key, ...test.parameters],
  };
}

function compare(operator: string, value: Scalar): SqlCondition {
  if (value === null) return { sql: `m.type = 'null'`, parameters: [] };
  if (typeof value === 'boolean') return { sql: `m.type = '${value ? 'true' : 'false'}'`, parameters: [] };
  if (typeof value === 'string') return { sql: `m.type = 'text' AND m.value ${operator} ?`, parameters: [value] };
  return { sql: `m.type IN ('integer', 'real') AND m.value ${operator} ?`, parameters: [value] };
}

function join(conditions: readonly SqlCondition[], word: 'AND' | 'OR'): SqlCondition {
  return {
    sql: `(${conditions.map((condition) => condition.sql).join(` ${word} `)})`,
    parameters: conditions.flatMap((condition) => condition.parameters),
  };
}

/** The filter over a row `s` of `sources`. Undefined when it has no condition. */
export function filterCondition(filter: MetadataFilter): SqlCondition | undefined {
  const conditions: SqlCondition[] = [];
  for (const [key, test] of Object.entries(filter)) {
    if (test === null || typeof test !== 'object') {
      conditions.push(member(key, compare('=', test)));
      continue;
    }
    if (test.in !== undefined) {
      const options = test.in.map((value) => compare('=', value));
      conditions.push(options.length === 0 ? { sql: '0', parameters: [] } : member(key, join(options, 'OR')));
    }
    for (const [name, operator] of Object.entries(comparisons)) {
      const bound = test[name as keyof typeof comparisons];
      if (bound !== undefined) conditions.push(member(key, compare(operator, bound)));
    }
  }
  return conditions.length === 0 ? undefined : join(conditions, 'AND');
}

/** What a search may see, as a condition over a row `c` of `chunks`. A document is in scope when one of its sources meets the filter. */
export function scopeCondition(scope: SearchScope): SqlCondition {
  const conditions: SqlCondition[] = [{ sql: 'c.collection = ?', parameters: [scope.collection] }];
  if (scope.documents !== undefined) {
    conditions.push({ sql: 'c.document IN (SELECT value FROM json_each(?))', parameters: [JSON.stringify(scope.documents)] });
  }
  const filter = scope.filter === undefined ? undefined : filterCondition(scope.filter);
  if (filter !== undefined) {
    conditions.push({
      sql: `EXISTS (SELECT 1 FROM sources s WHERE s.document = c.document AND ${filter.sql})`,
      parameters: filter.parameters,
    });
  }
  return join(conditions, 'AND');
}
