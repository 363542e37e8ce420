import { queryDefaults } from '../query/resolve-pipeline.ts';
import { type PipelineItemInput, settledQuestion } from '../query/run/settled-question.ts';
import type { AskOptions, Citation } from '../spec/answers.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import { pageKindOf } from '../spec/page-kind.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import type { SettledQuestion } from '../spec/runs.ts';
import type { DocumentRecord, DocumentState, RunItem, RunRecord, StoreReader } from '../spec/store.ts';

type StateReader = Pick<StoreReader, 'documentStates' | 'readDocument' | 'readRevision'>;

/**
 * The same items; a citation of a document that was replaced or removed since says so, and one that an earlier version stored, what the
 * pages of its document are.
 */
export async function markCitations<Item extends { readonly citations: readonly Citation[] }>(
  store: Pick<StateReader, 'documentStates' | 'readDocument'>,
  items: readonly Item[],
): Promise<(Item & { readonly citations: Citation[] })[]> {
  const cited = [...new Set(items.flatMap(({ citations }) => citations.map(({ document }) => document as DocumentId)))];
  const states = new Map((await store.documentStates(cited)).map((state) => [state.document as string, state]));
  const documents = new Map<string, DocumentRecord | undefined>();
  for (const { document } of items.flatMap(({ citations }) => citations.filter(isOfEarlierVersion))) {
    const now = states.get(document)?.now;
    if (now && !documents.has(document)) documents.set(document, await store.readDocument(now));
  }
  const told = (citation: Citation): Citation => ({
    ...citation,
    ...(isOfEarlierVersion(citation) ? { pageKind: kindOf(citation, documents.get(citation.document)) } : {}),
    ...staleness(states.get(citation.document)?.state),
  });
  return items.map((item) => ({ ...item, citations: item.citations.map(told) }));
}

function staleness(state: DocumentState['state'] | undefined): Pick<Citation, 'stale'> {
  return state === undefined || state === 'current' ? {} : { stale: state };
}

function isOfEarlierVersion(citation: Citation): boolean {
  return !('pageKind' in citation);
}

/** By the document, or the one in its place; where neither is on record, by number and label alone. */
function kindOf({ page, pageLabel }: Citation, document: DocumentRecord | undefined): Citation['pageKind'] {
  const { parser, contentType, pages } = document ?? { parser: '', contentType: '', pages: 1 };
  return pageKindOf({ parser, contentType, pages: Math.max(pages, page), label: pageLabel });
}

/**
 * Marks answered questions that are stale: their collection has changed since, or a document that they cite. Revisions are read once for
 * the whole run.
 */
export function createQuestionMarks(store: StateReader, run: RunRecord): (page: readonly RunItem[]) => Promise<readonly SettledQuestion[]> {
  const collectionOf = collectionsOf(run);
  const revisions = new Map<string, number>();
  return async (page) => {
    const items = await markCitations(store, page.map(settledQuestion));
    for (const name of new Set(page.map(collectionOf))) if (!revisions.has(name)) revisions.set(name, await store.readRevision(name));
    return items.map((item, index) => {
      const now = revisions.get(collectionOf(page[index]!)) ?? 0;
      const isOlder = item.revision !== null && item.revision < now;
      return { ...item, stale: item.status === 'done' && (isOlder || item.citations.some(({ stale }) => stale !== undefined)) };
    });
  };
}

/** Which collection an item of a run was asked of. */
function collectionsOf({ definition }: RunRecord): (item: RunItem) => string {
  const { options, pipelines, defaults } = definition as {
    readonly options?: Pick<AskOptions, 'collection' | 'pipeline'>;
    readonly pipelines?: readonly Pipeline[];
    readonly defaults?: { readonly collection?: string };
  };
  const byDefault = defaults?.collection ?? queryDefaults.collection;
  if (pipelines === undefined) {
    const name = options?.collection ?? options?.pipeline?.retrieve?.collection ?? byDefault;
    return () => name;
  }
  return (item) => pipelines[(item.input as PipelineItemInput).pipeline.number]?.retrieve?.collection ?? byDefault;
}
