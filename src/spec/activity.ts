import { z } from 'zod';
import { workClass } from './engine.ts';

const count = z.number().int().nonnegative();

/** What one process is doing: rates and delays are those of the last `windowMs`, counts are since it opened the directory. */
export const activity = z.object({
  /** ISO 8601 with ms. */
  at: z.string(),
  pid: z.number().int(),
  windowMs: z.number(),
  lanes: z.array(
    z.object({
      lane: z.string(),
      waiting: z.record(workClass, count),
      running: count,
      settled: z.object({ done: count, failed: count, cancelled: count, expired: count, refused: count }),
      /** Mean time that what left in the window had waited; null where nothing did. */
      waitMs: z.number().nullable(),
    }),
  ),
  /** Null while no model is loaded. */
  engine: z
    .object({
      activeSequences: count,
      /** Mean sequences of a decode step. */
      occupancy: z.number().nullable(),
      /** Mean time of a step. */
      stepMs: z.number().nullable(),
      usedKvTokens: count,
      /** Prompt and answer tokens. */
      computedTokensPerSecond: z.number(),
      reusedTokensPerSecond: z.number(),
      encodedTokensPerSecond: z.number(),
      restarts: count,
      residentBytes: count,
    })
    .nullable(),
  process: z.object({
    delayMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
    longestTurnCpuMs: z.number().nullable(),
    /** Processor time of the process and its threads, of one core. The inference and parser processes are not in it. */
    cpuShare: z.number(),
    residentBytes: count,
    heapBytes: count,
  }),
});
export type Activity = z.infer<typeof activity>;
