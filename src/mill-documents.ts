import { check, parse } from './check-arguments.ts';
import { MillraceError } from './errors.ts';
import type { OpenCalls } from './open-calls.ts';
import type { DocumentId } from './spec/identifiers.ts';
import { addedSources, type HandedSource, listOptions, type Mill, scopeOptions, sourceKey, textList } from './spec/mill.ts';
import type { PrefixKeeper } from './spec/prefixes.ts';
import type { NewBlob, Store } from './spec/store.ts';
import type { Clock } from './util/clock.ts';

export interface DocumentsParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly calls: OpenCalls;
  /** Lets go of what is kept in memory of documents' texts. */
  readonly forgetTexts: () => void;
  readonly prefixes?: (Pick<PrefixKeeper, 'purge'> & { readonly swept: () => Promise<void> }) | undefined;
}

/** The sources and documents of one open directory. */
export function createDocuments({ store, clock, calls, prefixes, forgetTexts }: DocumentsParts): Omit<Mill['documents'], 'update'> {
  function named(key: string, options: unknown): { readonly name: string; readonly collection: string } {
    const { collection = 'default' } = check(scopeOptions.strict(), options, 'options').checked;
    return { name: parse(sourceKey, key, 'key'), collection };
  }

  return {
    async list(options = {}) {
      const { collection = 'default', limit = 1_000, ...rest } = check(listOptions.strict(), options, 'list options').checked;
      return calls.run({}, async () => {
        const found = await store.listSources(collection, { ...rest, limit: limit + 1 } as Parameters<Store['listSources']>[1]);
        const sources = found.slice(0, limit);
        return { sources, nextKey: found.length > limit ? (sources.at(-1)?.key ?? null) : null };
      });
    },
    async show(key, options = {}) {
      const { name, collection } = named(key, options);
      return calls.run({}, async () => {
        const source = await store.readSource(collection, name);
        if (source === undefined) throw new MillraceError('E_NOT_FOUND', `The collection "${collection}" has no source "${name}".`);
        const document = source.document === null ? undefined : await store.readDocument(source.document);
        return { source, document: document ?? null, versions: await store.listVersions(collection, name) };
      });
    },
    async remove(key, options = {}) {
      const { name, collection } = named(key, options);
      return calls.run({}, async () => {
        const [outcome] = await store.commit([{ type: 'removeSource', collection, key: name, at: clock.now() }]);
        await prefixes?.swept();
        return outcome?.done ?? false;
      });
    },
    async purge(key, options = {}) {
      const { name, collection } = named(key, options);
      return calls.run({}, async () => {
        // What a model has read of the text is text in another form.
        try {
          const report = await store.purgeSource(collection, name, async (purged) => {
            await prefixes?.purge(purged);
          });
          return report ?? null;
        } finally {
          forgetTexts();
        }
      });
    },
    async add(sources, options = {}) {
      const { collection = 'default' } = check(scopeOptions.strict(), options, 'options').checked;
      const handed = parse(addedSources, sources, 'sources');
      return calls.run({}, async () => {
        await store.acceptSources(collection, handed.map(toBlob));
        return handed.map(({ id }) => id);
      });
    },
    async states(documents) {
      const ids = parse(textList, documents, 'documents');
      return calls.run({}, () => store.documentStates(ids as DocumentId[]));
    },
  };
}

function toBlob({ id, text, bytes, contentType, title, metadata = {} }: HandedSource): NewBlob {
  const kept = bytes ?? new TextEncoder().encode(text);
  const type = contentType ?? (text === undefined ? undefined : 'text/plain');
  return {
    source: {
      key: id,
      uri: id,
      size: kept.length,
      metadata,
      ...(title === undefined ? {} : { title }),
      ...(type === undefined ? {} : { contentType: type }),
    },
    bytes: kept,
  };
}
