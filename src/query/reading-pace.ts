/** How fast each model reads prompts on this machine, by what the questions so far have shown. */
export interface ReadingPace {
  /** Undefined until something was read. */
  tokensPerSecond(generatorHash: string): number | undefined;
  add(generatorHash: string, computedTokens: number, prefillMs: number): void;
}

/** Fewer tokens than this take a time that says little. */
const leastTokens = 32;
/** Of the newest in the mean. */
const newestShare = 0.2;

export function createReadingPace(): ReadingPace {
  const paces = new Map<string, number>();
  return {
    tokensPerSecond: (hash) => paces.get(hash),
    add(hash, computedTokens, prefillMs) {
      if (computedTokens < leastTokens || prefillMs <= 0) return;
      const pace = (computedTokens / prefillMs) * 1_000;
      const before = paces.get(hash);
      paces.set(hash, before === undefined ? pace : before + newestShare * (pace - before));
    },
  };
}
