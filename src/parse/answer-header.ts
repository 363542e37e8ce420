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
  /** `boxes`: how many numbers, `undefined` where the page has none. */
  pages: z.array(parsedPage.omit({ boxes: true }).extend({ boxes: z.number().int().nonnegative().optional() })).min(1),
  /** `bytes`: how many. */
  members: z.array(memberFile.extend({ bytes: z.number().int().nonnegative() })).optional(),
});

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
