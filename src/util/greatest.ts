/** The greatest of any number of values, and `least` where none is greater: a call takes some 100,000 arguments at most. */
export function greatest(values: Iterable<number>, least = Number.NEGATIVE_INFINITY): number {
  let found = least;
  for (const value of values) if (value > found) found = value;
  return found;
}
