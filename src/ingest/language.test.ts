import { afterEach, expect, it } from 'vitest';
import { createIngestBench, ofType } from '../../test/support/ingest-bench.ts';

let bench: ReturnType<typeof createIngestBench> | undefined;
afterEach(() => bench?.close());

const german = 'Die Miete ist am ersten Tag des Monats zu zahlen. Der Mieter darf das Haus nicht verkaufen.';

async function warningsOf(languages: readonly string[]) {
  bench = createIngestBench({ embedder: (fake) => ({ ...fake, model: { ...fake.model, id: 'small', languages } }) });
  bench.write('vertrag.txt', german);
  bench.write('contract.txt', 'The rent is due on the first day of the month, and it is paid by the tenant.');
  bench.write('words.js', 'var ja = words.ja, de = words.de, fr = words.fr, es = words.es, pl = words.pl;');
  const events = await bench.run([bench.folder]);
  const documents = ofType(events, 'document-committed');
  return Object.fromEntries(documents.map(({ source, warnings }) => [source.split('/').at(-1) ?? '', warnings.join(' ')]));
}

it('notes a document that the embedder was not made for, with one that was', async () => {
  const warnings = await warningsOf(['en']);
  expect(warnings['vertrag.txt']).toMatch(/language "de".*small was made for en.*multilingual-e5-small/);
  expect(warnings['contract.txt']).toBe('');
  expect(warnings['words.js']).toBe('');
});

it('has nothing to note where the embedder reads all languages', async () => {
  expect(await warningsOf(['*'])).toEqual({ 'vertrag.txt': '', 'contract.txt': '', 'words.js': '' });
});
