import { z } from 'zod';

/** What work would take, told from a short sample of it. Figures of the machine as it is now. */
export const estimate = z.object({
  /** Questions, cells or files in all. */
  items: z.number().int().nonnegative(),
  /** Of them: those that need no work, because they are recorded as they are. */
  unchanged: z.number().int().nonnegative(),
  /** `unchanged` is told from the share of them that was looked at. */
  unchangedIsAbout: z.literal(true).optional(),
  /** Items that were done for the estimate; nothing of them is kept. */
  sampled: z.number().int().nonnegative(),
  /** Tokens to compute, and tokens that are computed once and reused. */
  newTokens: z.number().nonnegative(),
  reusedTokens: z.number().nonnegative(),
  leastMs: z.number().nonnegative(),
  mostMs: z.number().nonnegative(),
  /** That the record grows by. */
  diskBytes: z.number().nonnegative(),
});
export type Estimate = z.infer<typeof estimate>;

export const estimateOptions = z.object({
  /** With fewer items nothing is sampled: the sample would be most of the work. Default 0. */
  leastItems: z.number().int().nonnegative().optional(),
});
export type EstimateOptions = z.infer<typeof estimateOptions>;
