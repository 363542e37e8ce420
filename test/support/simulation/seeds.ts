/** Which seeds a suite of simulations plays: those it asks for, or one that is to be looked at. */
export interface Seeds {
  readonly first: number;
  readonly count: number;
  /** One seed is replayed: its trace is wanted. */
  readonly replay: boolean;
}

/**
 * `MILLRACE_SIMULATION_SEED=17` plays seed 17 alone and prints what happened, in order; `MILLRACE_SIMULATION_COUNT=100000` plays more of
 * them.
 */
export function simulatedSeeds({ first, count }: { readonly first: number; readonly count: number }): Seeds {
  const { MILLRACE_SIMULATION_SEED: seed, MILLRACE_SIMULATION_COUNT: wanted } = process.env;
  if (seed !== undefined) return { first: whole(seed, 'MILLRACE_SIMULATION_SEED'), count: 1, replay: true };
  return { first, count: wanted === undefined ? count : whole(wanted, 'MILLRACE_SIMULATION_COUNT'), replay: false };
}

export function describeFailure(seed: number): string {
  return `seed ${seed}: MILLRACE_SIMULATION_SEED=${seed} replays it`;
}

function whole(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} is "${text}"; it must be a whole number above 0.`);
  return value;
}
