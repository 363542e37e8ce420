import type { Metadata, MetadataFilter } from '../../spec/identifiers.ts';

type Scalar = Metadata[string];

/** Whether a source's metadata meets a filter; the same rules as a search: values compare within their own type only. Pure. */
export function metadataMatches(metadata: Metadata, filter: MetadataFilter): boolean {
  return Object.entries(filter).every(([name, test]) => {
    if (!Object.hasOwn(metadata, name)) return false;
    const value = metadata[name] as Scalar;
    if (test === null || typeof test !== 'object') return value === test;
    const { gt, gte, lt, lte } = test;
    return (
      (test.in === undefined || test.in.includes(value as never)) &&
      compares(value, gt, (order) => order > 0) &&
      compares(value, gte, (order) => order >= 0) &&
      compares(value, lt, (order) => order < 0) &&
      compares(value, lte, (order) => order <= 0)
    );
  });
}

function compares(value: Scalar, bound: string | number | undefined, holds: (order: number) => boolean): boolean {
  if (bound === undefined) return true;
  if (typeof value === 'number' && typeof bound === 'number') return holds(value - bound);
  // SQLite compares text by its bytes.
  return typeof value === 'string' && typeof bound === 'string' && holds(Buffer.compare(Buffer.from(value), Buffer.from(bound)));
}
