import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HandedSource, type JudgedFile, type Mill, open, openJudgedFile } from '../../src/index.ts';
import type { QualitySettings } from './quality-scenario.ts';

/** A directory of the work folder, its documents brought up to date. */
export async function openCorpus(
  settings: QualitySettings,
  name: string,
  sources: readonly string[] | AsyncIterable<HandedSource> | Iterable<HandedSource>,
): Promise<Mill> {
  const { work, model, embedder, home, signal, progress } = settings;
  const mill = await open({ directory: path.join(work, name), generator: model, embedder, ...(home === undefined ? {} : { home }) });
  try {
    const stream = mill.ingest(sources as Iterable<HandedSource>, { signal });
    for await (const event of stream) {
      if (event.type !== 'ingest-progress') continue;
      const { stage, settled, embeddedChunks, chunks } = event;
      progress(`${name}: ${stage === 'reading' ? `${settled} documents read` : `${embeddedChunks} of ${chunks} chunks embedded`}`);
    }
    await stream.result();
    return mill;
  } catch (error) {
    await mill.close();
    throw error;
  }
}

/** What decides an answer: of our pipeline, or of the bare model. */
const codeOf = {
  pipeline: ['chunk', 'engines/llama', 'formats', 'language', 'query', 'store/sqlite/text-query.ts', 'store/sqlite/text-search.ts'],
  model: ['engines/llama/child', 'formats'],
} as const;

/** Answers of a scenario that were judged before, where question, models and the code that answers are the same. */
export function keptAnswers(
  { work, model, embedder }: QualitySettings,
  name: string,
  by: keyof typeof codeOf,
  how: object,
): Promise<JudgedFile> {
  const folder = path.join(work, 'answers');
  mkdirSync(folder, { recursive: true });
  return openJudgedFile(path.join(folder, `${name}.jsonl`), { how, model, embedder, code: codeHash(codeOf[by]) });
}

const sourceFolder = fileURLToPath(new URL('../../src', import.meta.url));

/** An answer of other code is not taken for one of this. */
function codeHash(parts: readonly string[]): string {
  const state = createHash('sha256');
  for (const part of parts) {
    const place = path.join(sourceFolder, part);
    const files = part.endsWith('.ts') ? [''] : readdirSync(place, { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((one) => one === '' || (one.endsWith('.ts') && !one.endsWith('.test.ts'))).sort()) {
      state.update(`${part}/${file}`).update(readFileSync(path.join(place, file)));
    }
  }
  return state.digest('hex');
}
