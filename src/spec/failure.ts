import { z } from 'zod';

/** JSON form of an error of the catalogue (`src/errors.ts`), as it stands in `--json`, in events and in the record. */
export const errorData = z.object({
  code: z.string(),
  message: z.string(),
  remedy: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()).optional(),
  retryAfterMs: z.number().optional(),
});
export type ErrorData = z.infer<typeof errorData>;
