import { z } from 'zod';

/** How far an ingestion of a collection has come; kept in the record while it runs, so that searches of any process can tell. */
export const indexingState = z.object({
  /** `interrupted` when it was stopped before its end, however that was. */
  state: z.enum(['running', 'interrupted']),
  found: z.number(),
  allFound: z.boolean(),
  settled: z.number(),
  chunks: z.number(),
  embeddedChunks: z.number(),
  /** The figures are those of its end. Without it they are those of its last note, and one that was killed has done more since. */
  final: z.literal(true).optional(),
});
export type IndexingState = z.infer<typeof indexingState>;

/** Where it is kept, among the settings of the record. */
export function indexingSetting(collection: string): string {
  return `collection:${collection}:indexing`;
}

/** Whether a setting says that a collection is being indexed. */
export function saysIndexing(key: string, value: unknown): boolean {
  return /^collection:.*:indexing$/su.test(key) && indexingState.safeParse(value).data?.state === 'running';
}

/** What a searcher should know of it, in a sentence; undefined when everything can be found. */
export function describeIndexing(value: unknown): string | undefined {
  const parsed = indexingState.safeParse(value);
  if (!parsed.success) return undefined;
  const { state, found, allFound, settled, chunks, embeddedChunks, final } = parsed.data;
  if (allFound && settled >= found && embeddedChunks >= chunks) return undefined;
  const again = 'Run "millrace ingest" again to go on.';
  // The first note is made before anything is found, and says nothing of what was committed since.
  if (found === 0 && !allFound) {
    return state === 'running' ? 'The collection is still being indexed.' : `Indexing of the collection was interrupted. ${again}`;
  }
  const read = `${settled} of ${found}${allFound ? '' : ' or more'} sources`;
  const embedded = `${embeddedChunks} of ${chunks} passages`;
  const figures = `${read} are read, ${embedded} can be found by meaning`;
  if (state === 'running') return `The collection is still being indexed: ${figures}.`;
  return final === true
    ? `Indexing of the collection was interrupted: ${figures}. ${again}`
    : `Indexing of the collection was interrupted; shortly before, ${read} were read and ${embedded} could be found by meaning. ${again}`;
}
