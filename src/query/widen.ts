import type { Hit } from '../spec/answers.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import type { StoreReader } from '../spec/store.ts';
import { sentencesOf } from './matching.ts';

/** Less of a neighbour than this share is not worth looking for. */
const leastReach = 0.25;

/** Least length that a neighbour is taken for, in UTF-16 units: beside a short chunk stands more than its own length. */
const leastNeighbour = 400;

export interface WidenOptions {
  readonly fits?: ((hit: Hit) => Promise<boolean>) | undefined;
  /** Most passages that are wanted. Default: all. */
  readonly passages?: number | undefined;
}

/**
 * The hits with as much of their documents before and after them as `neighbours` chunks of their size hold, in whole sentences: a small chunk
 * is found, more of it is read. A hit that lies in one widened before is left out; where a document is gone meanwhile its hit stays as it is.
 * What does not fit is widened by half as much, down to a part of a neighbour, until it does or is the hit alone: the hit itself is never cut.
 */
export async function widen(
  store: StoreReader,
  hits: readonly Hit[],
  neighbours: number,
  { fits = () => Promise.resolve(true), passages = Number.POSITIVE_INFINITY }: WidenOptions = {},
): Promise<readonly Hit[]> {
  if (neighbours === 0) return hits;
  const widened: Hit[] = [];
  for (const hit of hits) {
    if (widened.length >= passages) break;
    if (widened.some((one) => one.document === hit.document && hit.start >= one.start && hit.end <= one.end)) continue;
    widened.push(await widestFitting(hit));
  }
  return widened;

  async function widestFitting(hit: Hit): Promise<Hit> {
    for (let reach = neighbours; reach >= leastReach; reach /= 2) {
      const wide = await widenOne(store, hit, reach);
      if (await fits(wide)) return wide;
    }
    return hit;
  }
}

async function widenOne(store: StoreReader, hit: Hit, neighbours: number): Promise<Hit> {
  const id = hit.document as DocumentId;
  const document = await store.readDocument(id);
  if (document === undefined) return hit;
  const reach = Math.floor(neighbours * Math.max(leastNeighbour, hit.end - hit.start));
  const from = Math.max(0, hit.start - reach);
  const to = Math.min(document.textLength, hit.end + reach);
  const [before, after] = await Promise.all([readSpan(store, id, from, hit.start), readSpan(store, id, hit.end, to)]);
  // A sentence that the reach cuts off is no sentence.
  const first = from === 0 ? 0 : (sentencesOf(before)[1]?.start ?? before.length);
  const last = to === document.textLength ? after.length : (sentencesOf(after).at(-2)?.end ?? 0);
  return {
    ...hit,
    start: from + first,
    end: hit.end + last,
    text: `${before.slice(first)}${hit.text}${after.slice(0, last)}`,
  };
}

async function readSpan(store: StoreReader, id: DocumentId, start: number, end: number): Promise<string> {
  return start >= end ? '' : store.readSpan(id, start, end);
}
