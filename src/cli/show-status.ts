import type { Activity } from '../spec/activity.ts';
import type { MillStatus } from '../spec/mill.ts';
import type { PrefixStatus } from '../spec/prefixes.ts';
import type { RunRecord } from '../spec/store.ts';
import { noDocuments } from './require-documents.ts';
import { formatBytes, visible } from './terminal.ts';

export interface ShownStatus extends MillStatus {
  /** Those that run or wait to be resumed. */
  readonly runs: readonly RunRecord[];
}

export function describeStatus({ directory, collections, activity, prefixes, runs }: ShownStatus): string {
  const lines = [
    directory,
    ...(collections.length === 0 ? [noDocuments] : []),
    ...collections.map(
      ({ collection, sources, failedSources, documents, chunks }) =>
        `${visible(collection)}: ${sources} sources (${failedSources} failed), ${documents} documents, ${chunks} chunks`,
    ),
    ...(prefixes === null || prefixes.disk.entries + prefixes.memory.entries === 0 ? [] : describePrefixes(prefixes)),
    ...runs.map(({ id, kind, state, progress }) => `run ${id}: ${kind}, ${state}${describeProgress(progress)}`),
    ...(activity === null ? [] : describeActivity(activity)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function describePrefixes({ memory, disk, passages, documents, problem, ...counts }: PrefixStatus): string[] {
  const asked = counts.hits + counts.misses;
  const share = asked === 0 ? '' : `, ${((100 * counts.hits) / asked).toFixed(0)} % of ${asked} requests found their beginning`;
  const tokens = counts.restoredTokens + counts.computedTokens;
  const spared = tokens === 0 ? '' : `, ${counts.restoredTokens} tokens came back, ${counts.computedTokens} were computed`;
  return [
    `read: ${passages} passages of ${documents} documents, ${formatBytes(disk.bytes)} of ${formatBytes(disk.limitBytes)} on disk` +
      `${memory.entries === 0 ? '' : `, ${formatBytes(memory.bytes)} of ${formatBytes(memory.limitBytes)} in memory`}${share}${spared}`,
    ...(counts.damaged === 0 ? [] : [`  ${counts.damaged} damaged entries were dropped`]),
    ...(problem === null ? [] : [`  ${visible(problem)}`]),
  ];
}

/** What a run notes of itself; a kind of run that notes something else shows nothing here. */
function describeProgress(progress: unknown): string {
  if (typeof progress !== 'object' || progress === null) return '';
  const { done, failed, found } = progress as Readonly<Record<string, unknown>>;
  if (typeof done !== 'number' || typeof failed !== 'number') return '';
  return `, ${done} done, ${failed} failed${typeof found === 'number' ? ` of ${found}` : ''}`;
}

function describeActivity({ pid, lanes, engine, process }: Activity): string[] {
  return [
    `working now (process ${pid}):`,
    ...lanes.filter(isUsed).map(({ lane, waiting, running, settled, waitMs }) => {
      const { interactive, batch, background } = waiting;
      const waits = `${interactive + batch + background} waiting (${interactive} interactive, ${batch} batch, ${background} background)`;
      const ends = (['done', 'failed', 'cancelled', 'expired', 'refused'] as const)
        .filter((outcome) => outcome === 'done' || settled[outcome] > 0)
        .map((outcome) => `${settled[outcome]} ${outcome}`);
      return `  ${lane.padEnd(9)} ${running} running, ${waits}, ${ends.join(', ')}${waitMs === null ? '' : `, waited ${milliseconds(waitMs)}`}`;
    }),
    ...(engine === null ? [] : [describeEngine(engine)]),
    `  ${'process'.padEnd(9)} event loop p99 ${milliseconds(process.delayMs.p99)}, longest turn ${process.longestTurnCpuMs === null ? 'not known' : `${milliseconds(process.longestTurnCpuMs)} of CPU`}, ${(process.cpuShare * 100).toFixed(0)} % of a core, ${formatBytes(process.residentBytes)}`,
  ];
}

function isUsed({ waiting, running, settled }: Activity['lanes'][number]): boolean {
  return [running, ...Object.values(waiting), ...Object.values(settled)].some((figure) => figure > 0);
}

function describeEngine(engine: NonNullable<Activity['engine']>): string {
  const parts = [`${engine.activeSequences} sequences`];
  if (engine.occupancy !== null) parts.push(`${engine.occupancy.toFixed(1)} a step`);
  if (engine.stepMs !== null) parts.push(`${milliseconds(engine.stepMs)} a step`);
  const { computedTokensPerSecond: computed, reusedTokensPerSecond: reused, encodedTokensPerSecond: encoded } = engine;
  parts.push(`${computed.toFixed(0)} tok/s computed, ${reused.toFixed(0)} reused, ${encoded.toFixed(0)} embedded`);
  parts.push(`${engine.usedKvTokens} KV cells`);
  if (engine.restarts > 0) parts.push(`${engine.restarts} restarts`);
  return `  ${'engine'.padEnd(9)} ${parts.join(', ')}, ${formatBytes(engine.residentBytes)}`;
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 9.95 ? 1 : 0)} ms`;
}
