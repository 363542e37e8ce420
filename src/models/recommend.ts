import type { ModelRecommendation, ModelSource, ModelTask } from '../spec/model.ts';
import type { CatalogueEntry } from './catalogue-entry.ts';

export interface RecommendOptions {
  readonly task: ModelTask;
  readonly memoryBytes: number;
  readonly allowDownload: boolean;
  readonly accelerated?: boolean;
  readonly sources?: readonly ModelSource[];
}

/**
 * The best entry of a task that fits into the memory, is not too slow for the machine, and is installed or can be fetched.
 * Generators whose answers cannot be shown are the last resort. Pure.
 */
export function recommendModel(
  entries: readonly CatalogueEntry[],
  installed: ReadonlySet<string>,
  options: RecommendOptions,
): ModelRecommendation | undefined {
  const reachable = (entry: CatalogueEntry): boolean =>
    installed.has(entry.id) ||
    (options.allowDownload && entry.sources.some(({ kind }) => options.sources === undefined || options.sources.includes(kind)));
  const ranked = entries
    .filter(({ task }) => task === options.task)
    .filter((entry) => reachable(entry))
    .toSorted((a, b) => b.quality - a.quality || a.memoryBytes - b.memoryBytes);
  const suitable = ranked.filter(
    (entry) => entry.memoryBytes <= options.memoryBytes && (options.accelerated === true || !entry.needsAccelerator),
  );
  const [best] = suitable;
  if (best === undefined) return undefined;
  const better = ranked.find((entry) => entry.quality > best.quality);
  const isInstalled = installed.has(best.id);
  return {
    id: best.id,
    title: best.title,
    installed: isInstalled,
    downloadBytes: isInstalled ? 0 : downloadBytes(best),
    memoryBytes: best.memoryBytes,
    reason: `${reasonFor(best, options)}${better === undefined ? '' : ` ${reasonAgainst(better, options)}`}`,
  };
}

/** Bytes of the first source, which is the one tried first. */
export function downloadBytes(entry: CatalogueEntry): number {
  return (entry.sources[0]?.files ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
}

function reasonFor(entry: CatalogueEntry, options: RecommendOptions): string {
  const fits = `The best ${entry.task} that fits: it needs about ${gigabytes(entry.memoryBytes)} of the ${gigabytes(options.memoryBytes)} it may use.`;
  return entry.generator?.answers === false ? `${fits} Its answers are not reliable; it only exercises the machinery.` : fits;
}

function reasonAgainst(entry: CatalogueEntry, options: RecommendOptions): string {
  if (entry.memoryBytes > options.memoryBytes) return `${entry.id} is better and needs ${gigabytes(entry.memoryBytes)}.`;
  return `${entry.id} is better and needs a GPU to be fast enough.`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
