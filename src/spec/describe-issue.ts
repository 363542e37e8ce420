import type { z } from 'zod';

/** What the schema library says by itself; a schema's own words are kept. */
const itsOwn = /^(?:Too (?:big|small)|Invalid (?:input|option|number|string)|Unrecognized keys?)\b/;

/**
 * Why a value is not valid, in words for people: "it must be at most 1, and is 2". The words that a schema gives itself stand as they are.
 * Pure. @param value the whole that was checked; of it the part at the issue's path is told where it is short
 */
export function describeIssue(issue: z.core.$ZodIssue, value?: unknown): string {
  const said = issue.message.replace(/\.$/u, '');
  if (!itsOwn.test(said)) return said;
  const must = requirementOf(issue);
  if (must === undefined) return said;
  const given = shown(issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key], value));
  return `it must ${must}${given === undefined ? '' : `, and is ${given}`}`;
}

function requirementOf(issue: z.core.$ZodIssue): string | undefined {
  switch (issue.code) {
    case 'too_big':
      return `${measureOf(issue.origin)} ${issue.inclusive === false ? 'less than' : 'at most'} ${String(issue.maximum)}`;
    case 'too_small':
      return `${measureOf(issue.origin)} ${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}`;
    case 'invalid_type':
      return `be ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    default:
      return undefined;
  }
}

const kinds: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function measureOf(origin: string): string {
  return origin === 'string' ? 'have a length of' : origin === 'array' || origin === 'set' ? 'have a number of entries of' : 'be';
}

const longestShown = 60;

function shown(value: unknown): string | undefined {
  if (value === null) return 'null';
  if (typeof value === 'string') return value.length > longestShown ? undefined : JSON.stringify(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
