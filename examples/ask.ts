/**
 * Texts of your own in, an answer with citations out.
 *
 *   npm install millrace
 *   npx millrace models pull minilm-l6 qwen2.5-coder-1.5b
 *   node ask.ts "How many passengers does the new ferry carry?"
 *
 * In a clone of millrace: node --conditions=millrace-source examples/ask.ts
 * A second argument names another generator, a third another folder for the record.
 */
import { isMillraceError, open } from 'millrace';

const [question = 'How many passengers does the new ferry carry?', generator, directory = 'ask-example'] = process.argv.slice(2);

// Your texts, under your own ids. In a real program they come from a database, a queue, an API: any (async) iterable will do.
const notes = [
  { id: 'note/101', text: 'The new ferry carries 64 passengers and 12 bicycles.', metadata: { team: 'harbour', year: 2031 } },
  { id: 'note/102', text: 'The old ferry carried 48 passengers. It was sold in 2030.', metadata: { team: 'harbour', year: 2030 } },
  { id: 'note/201', text: 'The workshop orders new brake pads every March.', metadata: { team: 'workshop', year: 2031 } },
];

const mill = await open({ directory, ...(generator === undefined ? {} : { generator }) });
try {
  // The same id again replaces what was there; an unchanged text costs nothing.
  const { indexed, skipped } = await mill.ingest(notes).result();
  console.log(`${indexed} notes read, ${skipped} unchanged.\n`);

  // Only notes of the harbour from 2031 on. Leave the loop, or abort a signal, and the work stops.
  for await (const event of mill.ask(question, { filter: { team: 'harbour', year: { gte: 2031 } }, timeoutMs: 120_000 })) {
    if (event.type === 'sources') {
      for (const hit of event.hits) console.log(`source ${hit.rank}: ${hit.source} ${JSON.stringify(hit.metadata)}`);
    } else if (event.type === 'answer-delta') {
      process.stdout.write(event.text);
    } else if (event.type === 'answer-end') {
      // The text as it was checked: citations that do not hold are gone, sentences that nothing supports are listed.
      const { answer, citations, unsupported, model, timings } = event.answer;
      console.log(`\n\nanswer: ${answer}`);
      for (const citation of citations) console.log(`[${citation.number}] ${citation.source}: "${citation.quote}"`);
      for (const sentence of unsupported) console.log(`not supported by any note: ${sentence}`);
      console.log(`(${model}, ${Math.round(timings.totalMs)} ms)`);
    } else if (event.type === 'answer-failed') {
      console.error(`${event.error.message} ${event.error.remedy}`);
      process.exitCode = 1;
    }
  }
} catch (error) {
  if (!isMillraceError(error)) throw error;
  console.error(`${error.message} ${error.remedy}`);
  process.exitCode = 1;
} finally {
  // Frees models and files. From Node.js 24 on, "await using mill = await open(…)" does the same without this block.
  await mill.close();
}
