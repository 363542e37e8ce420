import type { SourceRecord, Store } from '../spec/store.ts';
import type { GivenSource } from './discover.ts';

const pageSources = 1_000;

export interface RecordedChoice {
  /** Only these; names that the record does not hold are told as missing paths. */
  readonly keys?: readonly string[] | undefined;
  /** Only those whose last attempt failed. */
  readonly failed?: boolean | undefined;
}

/**
 * What the record holds, to be ingested again. Files of a container come with it; texts that were handed over and not kept are left out,
 * unless they are asked for by name.
 */
export async function* recordedSources(store: Store, collection: string, { keys, failed }: RecordedChoice): AsyncGenerator<GivenSource> {
  const wanted = (source: SourceRecord): boolean => failed !== true || source.error !== null;
  if (keys !== undefined) {
    for (const key of keys) {
      const source = await store.readSource(collection, key);
      if (source === undefined) yield key;
      else if (wanted(source)) yield { recorded: await outermost(store, collection, source) };
    }
    return;
  }
  let afterKey = '';
  let container = '';
  for (;;) {
    const page = await store.listSources(collection, { afterKey, limit: pageSources });
    for (const source of page) {
      if (source.key.includes('!/')) {
        // Its container is read again for it, once for all its members.
        const outer = failed === true && wanted(source) ? await outermost(store, collection, source) : source;
        if (outer === source || outer.key === container || outer.error !== null) continue;
        container = outer.key;
        yield { recorded: outer };
      } else if (wanted(source) && (source.uri.startsWith('file:') || source.blob !== null)) yield { recorded: source };
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSources) return;
    afterKey = last.key;
  }
}

async function outermost(store: Store, collection: string, source: SourceRecord): Promise<SourceRecord> {
  const at = source.key.indexOf('!/');
  return at === -1 ? source : ((await store.readSource(collection, source.key.slice(0, at))) ?? source);
}
