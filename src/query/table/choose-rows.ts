import { resolve, sep } from 'node:path';
import picomatch from 'picomatch';
import { MillraceError } from '../../errors.ts';
import type { TableOptions, TableRow } from '../../spec/tables.ts';
import type { SourceRecord, StoreReader } from '../../spec/store.ts';
import { shownTitle } from '../shown-title.ts';
import { metadataMatches } from './metadata-matches.ts';

/** Most cells of one table: its rows are kept in the definition of its run. */
export const mostCells = 1_000_000;

/**
 * The sources that the options name, in order of key, each with the document it points to now. A name that fits none becomes a row with
 * the reason, so that one wrong path costs one row.
 *
 * @throws MillraceError E_SOURCE_MISSING where no source fits at all
 */
export async function chooseRows(
  store: Pick<StoreReader, 'listSources' | 'readDocument' | 'collections'>,
  options: Pick<TableOptions, 'documents' | 'filter'> & { readonly collection: string },
  workingDirectory: string,
): Promise<TableRow[]> {
  const { collection, documents, filter } = options;
  const wanted = documents?.map((name) => ({ name, fits: matcher(name, workingDirectory), found: 0 }));
  const rows: TableRow[] = [];
  for await (const source of sourcesOf(store, collection)) {
    if (filter !== undefined && !metadataMatches(source.metadata, filter)) continue;
    const fitting = wanted?.filter(({ fits }) => fits(source));
    if (fitting?.length === 0) continue;
    for (const one of fitting ?? []) one.found += 1;
    rows.push(await rowOf(store, source));
  }
  const missing = wanted?.filter(({ found }) => found === 0).map(({ name }) => missingRow(name, collection)) ?? [];
  if (rows.length > 0) return [...rows, ...missing];
  const names = documents === undefined ? 'no source' : `no source that fits ${documents.slice(0, 3).join(', ')}`;
  throw new MillraceError(
    'E_SOURCE_MISSING',
    `The collection "${collection}" holds ${names}${filter === undefined ? '' : ' and the filter'}.`,
    {
      remedy: 'Ingest the documents first, or name others; "millrace documents list" shows what there is.',
    },
  );
}

/**
 * The row of a source as it is now; a source that is gone gives a row that fails. The name of a missing row is read as it was when the table
 * began; where it fits several sources by now, the first stands in its row.
 */
export async function currentRow(
  store: Pick<StoreReader, 'readSource' | 'listSources' | 'readDocument'>,
  { collection, filter }: Pick<TableOptions, 'filter'> & { readonly collection: string },
  row: TableRow,
  workingDirectory: string,
): Promise<TableRow> {
  const fits = matcher(row.source, workingDirectory);
  const isWanted = (source: SourceRecord): boolean => fits(source) && (filter === undefined || metadataMatches(source.metadata, filter));
  const source =
    (await store.readSource(collection, row.source)) ?? (row.document === null ? await firstOf(store, collection, isWanted) : undefined);
  return source === undefined ? missingRow(row.source, collection) : rowOf(store, source);
}

async function firstOf(
  store: Pick<StoreReader, 'listSources'>,
  collection: string,
  isWanted: (source: SourceRecord) => boolean,
): Promise<SourceRecord | undefined> {
  for await (const source of sourcesOf(store, collection)) if (isWanted(source)) return source;
  return undefined;
}

async function rowOf(store: Pick<StoreReader, 'readDocument'>, source: SourceRecord): Promise<TableRow> {
  const { key, uri, title, error } = source;
  const document = source.document === null || error !== null ? undefined : await store.readDocument(source.document);
  if (document !== undefined) {
    return {
      source: key,
      uri,
      title: shownTitle(document.title, { title }),
      document: document.id,
      textSha256: document.textSha256,
      error: null,
    };
  }
  return { source: key, uri, title, document: null, textSha256: null, error: error ?? notMade(key).toJSON() };
}

function missingRow(name: string, collection: string): TableRow {
  const error = new MillraceError('E_SOURCE_MISSING', `The collection "${collection}" holds no source "${name}".`, {
    remedy: 'Correct the name, or ingest it; then retry what failed.',
  });
  return { source: name, uri: name, title: null, document: null, textSha256: null, error: error.toJSON() };
}

function notMade(key: string): MillraceError {
  return new MillraceError('E_SOURCE_MISSING', `There is no document of "${key}" in the record.`, { remedy: 'Ingest it again.' });
}

async function* sourcesOf(store: Pick<StoreReader, 'listSources'>, collection: string): AsyncIterable<SourceRecord> {
  const limit = 1_000;
  let afterKey: string | undefined;
  for (;;) {
    const page = await store.listSources(collection, { limit, ...(afterKey === undefined ? {} : { afterKey }) });
    yield* page;
    afterKey = page.at(-1)?.key;
    if (page.length < limit || afterKey === undefined) return;
  }
}

/** A key or address as it is, a path, a folder or archive with all in it, or a pattern over keys and over paths. */
function matcher(name: string, workingDirectory: string): (source: SourceRecord) => boolean {
  const path = resolve(workingDirectory, name);
  const isPattern = picomatch.scan(name).isGlob;
  const fits = isPattern ? picomatch([slashed(name), slashed(path)]) : () => false;
  return ({ key, uri }) =>
    key === name || uri === name || key === path || key.startsWith(path + sep) || key.startsWith(`${path}!/`) || fits(slashed(key));
}

function slashed(path: string): string {
  return sep === '\\' ? path.replaceAll('\\', '/') : path;
}
