import type { GenerateRequest } from '../../spec/engine.ts';
import type { PrefixLimits, PromptPrefix, StoredPrefixes } from '../../spec/prefixes.ts';
import { tokenizePrompt } from './tokenizer.ts';

/** Bytes of a token that is kept. */
const tokenBytes = 100;

/** What the fake generator keeps of prefixes: their tokens in a map, within the limit of the disk. */
export interface FakePrefixes extends StoredPrefixes {
  /** Puts the prefix of a request there, if it names one and there is room. */
  keep(request: GenerateRequest): void;
  holds(request: GenerateRequest): boolean;
  /** From now on nothing more is kept, for this reason; null: all is well again. */
  fail(problem: string | null): void;
}

export function createFakePrefixes(limits: PrefixLimits = { memoryBytes: 0, diskBytes: 1e9 }): FakePrefixes {
  const kept = new Map<string, { readonly bytes: number; readonly owners: readonly string[] }>();
  const counts = { hits: 0, misses: 0, restoredTokens: 0, computedTokens: 0 };
  let problem: string | null = null;

  function describe({ prompt, prefixParts }: PromptPrefix) {
    const { tokens, partEnds } = tokenizePrompt(prompt);
    const length = partEnds[prefixParts - 1] ?? 0;
    return { promptTokens: tokens.length, tokens: length, bytes: length * tokenBytes, key: tokens.slice(0, length).join() };
  }
  const prefixOf = ({ prompt, prefixParts = 0 }: GenerateRequest) => describe({ prompt, prefixParts });

  return {
    limits,
    find: async (prefixes) =>
      prefixes.map((prefix) => {
        const { key, ...found } = describe(prefix);
        return { ...found, inMemory: false, onDisk: kept.has(key) };
      }),
    async counts() {
      const diskBytes = [...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      return { memoryEntries: 0, memoryBytes: 0, diskBytes, damaged: 0, problem, ...counts };
    },
    owners: () => Promise.resolve([...kept.values()].flatMap(({ owners }) => owners)),
    async forget(documents) {
      for (const [key, { owners }] of kept) if (owners.some((owner) => documents.includes(owner))) kept.delete(key);
    },
    keep(request) {
      const { key, bytes, tokens } = prefixOf(request);
      counts.misses += 1;
      counts.computedTokens += tokens;
      if (problem === null && bytes <= limits.diskBytes) kept.set(key, { bytes, owners: request.prefixOwners ?? [] });
    },
    holds(request) {
      const { key, tokens } = prefixOf(request);
      if (!kept.has(key)) return false;
      counts.hits += 1;
      counts.restoredTokens += tokens;
      return true;
    },
    fail: (reason) => void (problem = reason),
  };
}
