import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** The machine as a reader of the figures needs to know it. */
export function describeMachine(): Record<string, string | number> {
  return {
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    // Figures of a machine that does something else are worth little.
    loadBefore: loadavg()[0]!.toFixed(2),
  };
}
