import { expect, it } from 'vitest';
import { z } from 'zod';
import { describeIssue } from './describe-issue.ts';

const schema = z.strictObject({
  share: z.number().min(0).max(1).optional(),
  count: z.number().int().positive().optional(),
  mode: z.enum(['text', 'vector']).optional(),
  name: z.string().min(1).max(3).optional(),
  list: z.array(z.string()).max(1).optional(),
  cache: z.boolean().optional(),
  own: z.number('it takes a number').optional(),
});

it.each([
  [{ share: 2 }, 'it must be at most 1, and is 2'],
  [{ share: -0.5 }, 'it must be at least 0, and is -0.5'],
  [{ count: 0 }, 'it must be more than 0, and is 0'],
  [{ count: 1.5 }, 'it must be a whole number, and is 1.5'],
  [{ mode: 'words' }, 'it must be one of text, vector, and is "words"'],
  [{ name: 'long' }, 'it must have a length of at most 3, and is "long"'],
  [{ name: 7 }, 'it must be a text, and is 7'],
  [{ list: ['a', 'b'] }, 'it must have a number of entries of at most 1'],
  [{ cache: null }, 'it must be true or false, and is null'],
  [{ own: 'x' }, 'it takes a number'],
])('%j: %s', (value, described) => {
  const { error } = schema.safeParse(value);
  const [issue] = error?.issues ?? [];
  expect(describeIssue(issue!, value)).toBe(described);
});
