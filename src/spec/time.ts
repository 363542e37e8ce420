import { z } from 'zod';

/** Limits of a call that has no text to wait for, ms; the shorter one counts. What runs past it ends with `E_DEADLINE_EXCEEDED`. */
export const callLimits = z.object({
  timeoutMs: z.number().positive().optional(),
  timeouts: z.strictObject({ totalMs: z.number().positive().optional() }).optional(),
});
export type CallLimits = z.infer<typeof callLimits>;

/** The time of the whole call, however it was given. */
export function shortestLimit({ timeoutMs, timeouts }: CallLimits): number | undefined {
  const limits = [timeoutMs, timeouts?.totalMs].filter((limit) => limit !== undefined);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** A point on the monotonic clock, in ms. `timeoutMs` becomes one at the edge and stays absolute from there on. */
export type Deadline = number;
