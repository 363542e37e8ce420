import { z } from 'zod';
import { errorCatalogue, type ErrorCode } from '../errors.ts';
import { memberFile, parsedDocument, parsedPage } from '../spec/parser.ts';

/** The JSON in front of a child's answer, as the pool checks it. */

const documentHeader = parsedDocument.omit({ text: true, blocks: true, pages: true, members: true, spans: true }).extend({
  textUnits: z.number().int().nonnegative(),
  /** One byte a unit where all are below 256, else two. */
  unitBytes: z.union([z.literal(1), z.literal(2)]),
  blockCount: z.number().int().nonnegative(),
  spanCount: z.number().int().nonnegative().optional(),
  /** Units of the text that has gone ahead in portions; the document itself is without text then. */
  portionUnits: z.number().int().positive().optional(),
  /** `boxes`: how many numbers, `undefined` where the page has none. */
  pages: z.array(parsedPage.omit({ boxes: true }).extend({ boxes: z.number().int().nonnegative().optional() })).min(1),
  /** `bytes`: how many. */
  members: z.array(memberFile.extend({ bytes: z.number().int().nonnegative() })).optional(),
});

/** A part of a document, ahead of the answer that ends it. */
export const portionHeader = z.object({
  outcome: z.literal('portion'),
  start: z.number().int().nonnegative(),
  firstBlock: z.number().int().nonnegative(),
  textUnits: z.number().int().positive(),
  unitBytes: z.union([z.literal(1), z.literal(2)]),
  blockCount: z.number().int().nonnegative(),
  spanCount: z.number().int().nonnegative(),
});
export type PortionHeader = z.infer<typeof portionHeader>;

const errorData = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(errorCatalogue, code)),
  message: z.string(),
  remedy: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()).optional(),
});

export const responseHeader = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('parsed'), residentBytes: z.number(), document: documentHeader }),
  z.object({ outcome: z.literal('failed'), residentBytes: z.number(), error: errorData }),
]);
export type ResponseHeader = z.infer<typeof responseHeader>;
export type DocumentHeader = z.infer<typeof documentHeader>;
