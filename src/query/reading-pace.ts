/** How fast each model reads prompts on this machine, by what the questions so far have shown. */
export interface ReadingPace {
  /** Undefined until something was read. */
  tokensPerSecond(generatorHash: string): number | undefined;
  /** The same of the generator that pipelines name so, without a name of that of the open directory. Undefined too before `isNamed`. */
  tokensPerSecondOf(name: string | undefined): number | undefined;
  /** Notes what a name in pipelines means, once its generator is loaded. */
  isNamed(generatorHash: string, name: string | undefined): void;
  add(generatorHash: string, computedTokens: number, prefillMs: number): void;
}

/** Fewer tokens than this take a time that says little. */
const leastTokens = 32;
/** Of the newest in the mean. */
const newestShare = 0.2;

export function createReadingPace(): ReadingPace {
  const paces = new Map<string, number>();
  const hashes = new Map<string | undefined, string>();
  return {
    tokensPerSecond: (hash) => paces.get(hash),
    tokensPerSecondOf: (name) => paces.get(hashes.get(name) ?? ''),
    isNamed: (hash, name) => void hashes.set(name, hash),
    add(hash, computedTokens, prefillMs) {
      if (computedTokens < leastTokens || prefillMs <= 0) return;
      const pace = (computedTokens / prefillMs) * 1_000;
      const before = paces.get(hash);
      paces.set(hash, before === undefined ? pace : before + newestShare * (pace - before));
    },
  };
}
