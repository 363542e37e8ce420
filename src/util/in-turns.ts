import { eventLoopTurn } from './event-loop-turn.ts';

/** `values` mapped one after the other, with a turn for everything else after every `every`: for work of microseconds over many. */
export async function mapInTurns<Value, Result>(
  values: readonly Value[],
  map: (value: Value, index: number) => Result,
  every = 32,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const [index, value] of values.entries()) {
    if (index > 0 && index % every === 0) await eventLoopTurn();
    results.push(map(value, index));
  }
  return results;
}
