import { MillraceError } from '../errors.ts';
import type { Mill } from '../spec/mill.ts';

/** What is said of a record, or a collection, that holds nothing. */
export const noDocuments = 'No documents yet.';

/**
 * Before a run is made of questions that nothing could answer.
 *
 * @throws MillraceError E_NO_DOCUMENTS
 */
export async function requireDocuments(mill: Pick<Mill, 'status'>): Promise<void> {
  const { collections } = await mill.status();
  if (collections.every(({ sources }) => sources === 0)) throw new MillraceError('E_NO_DOCUMENTS', 'There are no documents yet.');
}
