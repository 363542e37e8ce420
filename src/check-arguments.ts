import type { z } from 'zod';
import { MillraceError } from './errors.ts';
import { describeIssue } from './spec/describe-issue.ts';

/** Options without their signal, which is no JSON, and the signal. */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  options: unknown,
  what: string,
): { readonly checked: z.infer<Schema>; readonly signal: AbortSignal | undefined } {
  const { signal, ...rest } = (typeof options === 'object' && options !== null ? options : { options }) as Record<string, unknown>;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new MillraceError('E_INPUT_INVALID', `The ${what} are not valid at "signal": it is not an AbortSignal.`);
  }
  return { checked: parse(schema, rest, what), signal };
}

/** The value, checked. Throws `E_INPUT_INVALID` that names `what` and the field. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new MillraceError(
    'E_INPUT_INVALID',
    `The ${what} ${what.endsWith('s') ? 'are' : 'is'} not valid${path === '' ? '' : ` at "${path}"`}: ${issue === undefined ? 'unknown reason' : describeIssue(issue, value)}.`,
  );
}
