import type { z } from 'zod';
import { MillraceError } from '../errors.ts';
import { describeIssue } from '../spec/describe-issue.ts';
import { type Pipeline, pipeline } from '../spec/pipeline.ts';
import { nearestNames } from '../util/nearest-names.ts';

/**
 * A pipeline, checked: plain data that may stand in an option, a file or a record.
 *
 * @param from what the value came from, for the error: a file, or "pipeline 2"
 * @throws MillraceError E_PIPELINE_INVALID with the path of what is wrong and the nearest valid key
 */
export function definePipeline(value: unknown, from = 'pipeline'): Pipeline {
  const parsed = pipeline.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new MillraceError('E_INTERNAL', 'A pipeline is not valid for no reason.');
  throw issue.code === 'unrecognized_keys' ? unknownKey(from, issue.path, issue.keys[0] ?? '') : wrongValue(from, value, issue);
}

function unknownKey(from: string, path: readonly PropertyKey[], key: string): MillraceError {
  const keys = keysAt(path);
  const near = nearestNames(key.toLowerCase(), keys);
  const place = [...path, key].join('.');
  return new MillraceError('E_PIPELINE_INVALID', `The ${from} has an unknown key "${place}".`, {
    remedy: near.length === 0 ? `It may hold ${keys.join(', ')}.` : `Did you mean ${near.join(' or ')}? It may hold ${keys.join(', ')}.`,
    details: { path: place, nearest: near },
  });
}

function wrongValue(from: string, value: unknown, issue: z.core.$ZodIssue): MillraceError {
  const path = issue.path.join('.');
  const given = issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const near =
    issue.code === 'invalid_value' && typeof given === 'string' ? nearestNames(given.toLowerCase(), issue.values.map(String)) : [];
  const hint = near.length === 0 ? {} : { remedy: `Did you mean ${near.join(' or ')}?` };
  const where = path === '' ? '' : ` at "${path}"`;
  return new MillraceError('E_PIPELINE_INVALID', `The ${from} is not valid${where}: ${describeIssue(issue, value)}.`, {
    ...hint,
    details: { path, nearest: near },
  });
}

/** The keys of the object that the schema has at `path`. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let schema: unknown = pipeline;
  for (const key of path) schema = shapeOf(schema)[String(key)];
  return Object.keys(shapeOf(schema));
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> {
  let inner = schema as { shape?: Readonly<Record<string, unknown>>; unwrap?: () => unknown } | undefined;
  while (inner?.shape === undefined && inner?.unwrap !== undefined) inner = inner.unwrap() as typeof inner;
  return inner?.shape ?? {};
}
