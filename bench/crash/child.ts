import { readFileSync, rmSync, writeSync } from 'node:fs';
import { createFakeEmbedder, openFakeMill } from '../../src/testing/index.ts';
import { systemClock } from '../../src/util/clock.ts';
import type { ChildTask, Told } from './rounds.ts';

/**
 * One life of a process: checks what earlier lives acknowledged, then ingests, keeps, backs up and purges until it is killed or done. Tells
 * each acknowledgement in a line, at once.
 */
const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask;

function tell(told: Told): void {
  writeSync(1, `${JSON.stringify(told)}\n`);
}

const begun = performance.now();
const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64, limits: { batchTokens: 256, batchItems: 8 } });
const mill = await openFakeMill({ directory: task.directory, clock: systemClock, isolation: false, embedders: [embedder] });
await mill.status();
tell({ type: 'opened', ms: performance.now() - begun });

const report = await mill.verify();
for (const problem of report.problems) tell({ type: 'problem', problem });
for (const line of readFileSync(task.acknowledged, 'utf8').split('\n')) {
  if (line === '') continue;
  const told = JSON.parse(line) as Told;
  const problem = await problemOf(told);
  if (problem !== undefined) tell({ type: 'problem', problem });
}

async function problemOf(told: Told): Promise<string | undefined> {
  if (told.type !== 'document' && told.type !== 'accepted') return undefined;
  const shown = await mill.documents.show(told.key).catch(() => undefined);
  if (shown === undefined) return `${told.key} was acknowledged and is not on record.`;
  if (told.type === 'accepted') {
    return shown.source.pendingAt === null && shown.document === null ? `${told.key} was accepted and is lost.` : undefined;
  }
  if (shown.versions.some(({ document }) => document === told.document)) return undefined;
  return `${told.key} was acknowledged as ${told.document}, which its source never was.`;
}

const uploads = task.uploads.map((id) => ({ id, text: `The upload ${id} tells about the mill. ${'It has a wheel. '.repeat(4)}` }));
for (const id of await mill.documents.add(uploads)) tell({ type: 'accepted', key: id });

async function ingest(sources: readonly string[]): Promise<void> {
  for await (const event of mill.ingest(sources, { prune: true, batchSize: 3, maxConcurrentFiles: 4 })) {
    if (event.type === 'document-committed') tell({ type: 'document', key: event.source, document: event.document });
    if (event.type === 'vectors-committed') tell({ type: 'vectors', count: event.chunks });
    if (event.type === 'document-removed') tell({ type: 'removed', key: event.source });
    if (event.type === 'ingest-failed') tell({ type: 'problem', problem: event.error.message });
  }
}
await Promise.all([ingest([task.documents]), ingest([])]);

if (task.purge !== undefined) {
  tell({ type: 'removed', key: task.purge });
  await mill.documents.purge(task.purge);
}
if (task.backup !== undefined) {
  await mill.backup(task.backup);
  rmSync(task.backup, { recursive: true });
}
await mill.close();
tell({ type: 'closed' });
