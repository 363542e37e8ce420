import type { FoundPrefix, PrefixCounts, PrefixLimits, StoredPrefixes } from '../../spec/prefixes.ts';
import type { EngineLink } from './engine-process.ts';

/** Prompts of one message to the child: it lets other work through between two. */
const promptsPerMessage = 16;

export function createStoredPrefixes({ engine, running, handle }: EngineLink, limits: PrefixLimits): StoredPrefixes {
  return {
    limits,
    async find(prefixes, signal) {
      const found: FoundPrefix[] = [];
      for (let start = 0; start < prefixes.length; start += promptsPerMessage) {
        const child = await engine(signal);
        const some = prefixes.slice(start, start + promptsPerMessage);
        found.push(...((await child.call({ type: 'find-prefixes', handle, prefixes: some }, signal)) as FoundPrefix[]));
      }
      return found;
    },
    counts: async () => (await running()?.call({ type: 'count-prefixes', handle })) as PrefixCounts | undefined,
    owners: async () => (await (await engine()).call({ type: 'prefix-owners', handle })) as string[],
    async forget(documents) {
      await (await engine()).call({ type: 'forget-prefixes', handle, owners: documents });
    },
  };
}
