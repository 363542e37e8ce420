import { z } from 'zod';
import { errorData } from './failure.ts';
import { collectionName } from './identifiers.ts';
import { callLimits } from './time.ts';

/** Reading ahead: the tokens of passages are computed and kept before anybody asks, so that a question costs its own tokens only. */

export const readOptions = callLimits.extend({
  collection: collectionName.optional(),
  /** True tells what reading would take and reads one passage to know, then ends. Default false. */
  estimate: z.boolean().optional(),
});
export type ReadOptions = z.infer<typeof readOptions> & { readonly signal?: AbortSignal };

const head = { sequence: z.number().int(), at: z.string() };

/** What `read` streams; ends with exactly one `read-end` or `read-failed`. */
export const readEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('read-start'), ...head, collection: z.string(), model: z.string() }),
  z.object({
    type: z.literal('model-loading'),
    ...head,
    model: z.string(),
    doneBytes: z.number(),
    totalBytes: z.number(),
  }),
  /** What is to be done, from all passages and the time that the first of them took. */
  z.object({
    type: z.literal('read-estimate'),
    ...head,
    documents: z.number(),
    passages: z.number(),
    /** Kept already, and left out because they are longer than the generator holds. */
    keptPassages: z.number(),
    tooLongPassages: z.number(),
    /** To be read, their tokens, and the bytes they will take. */
    unreadPassages: z.number(),
    unreadTokens: z.number(),
    unreadBytes: z.number(),
    /** Of the unread ones, those that fit the limit; the others are not read. */
    fittingPassages: z.number(),
    limitBytes: z.number(),
    /** Of those that fit; null when there is nothing to read. */
    durationMs: z.number().nullable(),
  }),
  z.object({
    type: z.literal('passage-read'),
    ...head,
    document: z.string(),
    source: z.string(),
    /** Number of the passage in its document, from 0. */
    passage: z.number(),
    tokens: z.number(),
    bytes: z.number(),
  }),
  z.object({
    type: z.literal('read-progress'),
    ...head,
    read: z.number(),
    fittingPassages: z.number(),
    tokensPerSecond: z.number().nullable(),
    remainingMs: z.number().nullable(),
  }),
  z.object({
    type: z.literal('read-end'),
    ...head,
    passages: z.number(),
    /** Computed and kept by this call. */
    read: z.number(),
    /** Kept before it. */
    kept: z.number(),
    /** Not read, because they do not fit the limit or the generator, or because only an estimate was wanted. */
    left: z.number(),
    tokens: z.number(),
    bytes: z.number(),
    elapsedMs: z.number(),
  }),
  z.object({ type: z.literal('read-failed'), ...head, error: errorData }),
]);
export type ReadEvent = z.infer<typeof readEvent>;
export type ReadSummary = Extract<ReadEvent, { type: 'read-end' }>;
