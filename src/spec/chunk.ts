import { z } from 'zod';

/** A piece of text that is never cut unless it alone is too long: a sentence, a table row, a few lines of code. */
export const textSpan = z.object({
  start: z.number().int().nonnegative(),
  end: z.number().int().positive(),
  /** Index of its block in `ParsedDocument.blocks`; −1 for text outside every block. */
  block: z.number().int().min(-1),
});
export type TextSpan = z.infer<typeof textSpan>;

/** How spans become chunks. Tokens are those of the embedder, without its special tokens. */
export const chunkOptions = z.object({
  /** Preferred size. */
  targetTokens: z.number().int().positive().default(200),
  /** Never exceeded. At most the embedder's context without its special tokens. */
  maxTokens: z.number().int().positive().default(240),
  /** A chunk repeats the last sentence of the chunk before it where that has at most this many tokens. 0: never. */
  overlapTokens: z.number().int().nonnegative().default(0),
});
export type ChunkOptions = z.infer<typeof chunkOptions>;

/** A chunk before it is stored: `text.slice(start, end)` of the document's canonical text. */
export const chunkSpan = z.object({
  start: z.number().int().nonnegative(),
  end: z.number().int().positive(),
  /** The headings in force where the chunk starts, outermost first, without a heading that is the start of the chunk's own text. */
  headingPath: z.array(z.string()),
  /** Sum of the counts of its spans. */
  tokens: z.number().int().nonnegative(),
  /** The header row of the table that the chunk starts inside of, where it is not part of the chunk. */
  tableHeader: z.object({ start: z.number().int().nonnegative(), end: z.number().int().nonnegative() }).optional(),
});
export type ChunkSpan = z.infer<typeof chunkSpan>;
