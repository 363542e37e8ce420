import { z } from 'zod';

/** UUID version 7 text, branded so that one kind of id cannot stand for another. */
export const sourceId = z.string().brand<'SourceId'>();
export type SourceId = z.infer<typeof sourceId>;
export const documentId = z.string().brand<'DocumentId'>();
export type DocumentId = z.infer<typeof documentId>;
export const runId = z.string().brand<'RunId'>();
export type RunId = z.infer<typeof runId>;

/** Integer, never reused: row of the text index and key of the vector index. */
export const chunkId = z.number().int().positive().brand<'ChunkId'>();
export type ChunkId = z.infer<typeof chunkId>;

/** Letters, digits, `-`, `_` and `.`, 1–64 characters. */
export const collectionName = z
  .string()
  .regex(
    /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,63}$/u,
    'it takes 1 to 64 letters, digits, "-", "_" and ".", and begins with none of "-" and "."',
  );

/**
 * A record by the caller's own names. zod leaves the name "__proto__" out without a word, which would take a condition from a filter: it is
 * refused instead.
 */
function namedValues<Value extends z.ZodType>(value: Value) {
  return z.preprocess(
    (given, context) => {
      if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__'))
        context.addIssue({ code: 'custom', message: 'no name may be "__proto__"', path: ['__proto__'] });
      return given;
    },
    z.record(z.string().max(200), value),
  );
}

/** The caller's own facts about a source: flat JSON values, returned with every hit and usable in filters. */
export const metadata = namedValues(z.union([z.string().max(10_000), z.number(), z.boolean(), z.null()]));
export type Metadata = z.infer<typeof metadata>;

/**
 * Every condition must hold. A value means equality; `in` means one of; the rest compares numbers with numbers and text with text.
 * A condition that is not one of these is refused, since without it the filter would let everything through.
 */
export const metadataFilter = namedValues(
  z.union([
    z.string(),
    z.number(),
    z.boolean(),
    z.null(),
    z.strictObject({
      in: z
        .array(z.union([z.string(), z.number(), z.boolean()]))
        .max(1_000)
        .optional(),
      gt: z.union([z.string(), z.number()]).optional(),
      gte: z.union([z.string(), z.number()]).optional(),
      lt: z.union([z.string(), z.number()]).optional(),
      lte: z.union([z.string(), z.number()]).optional(),
    }),
  ]),
);
export type MetadataFilter = z.infer<typeof metadataFilter>;
