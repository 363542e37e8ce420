import type { Mill } from '../spec/mill.ts';
import type { RunRecord, SourceRecord } from '../spec/store.ts';

/** What the record holds in ms UTC, as `--json` says it: ISO 8601 with ms. Null stays null, as does a time that has no such form. */
function withIsoTimes<Value extends object>(value: Value, names: readonly (keyof Value)[]): object {
  const times = names.map((name) => {
    const ms = value[name];
    return [name, typeof ms === 'number' ? new Date(ms).toJSON() : null] as const;
  });
  return { ...value, ...Object.fromEntries(times) };
}

export function sourceInJson(source: SourceRecord): object {
  return withIsoTimes(source, ['mtime', 'pendingAt', 'updatedAt']);
}

export function runInJson(run: RunRecord): object {
  return withIsoTimes(run, ['createdAt', 'updatedAt']);
}

export function shownInJson({ source, document, versions }: Awaited<ReturnType<Mill['documents']['show']>>): object {
  return {
    source: sourceInJson(source),
    document: document === null ? null : withIsoTimes(document, ['createdAt', 'modifiedAt', 'committedAt']),
    versions: versions.map((version) => withIsoTimes(version, ['from', 'until'])),
  };
}
