import type { Clock } from '../../../util/clock.ts';
import { modelKey } from '../prefixes/prefix-key.ts';
import { createPrefixFolder } from '../prefixes/prefix-folder.ts';
import type { EngineTask } from '../protocol.ts';
import type { LoadedContext, WorkerCommand } from './messages.ts';
import { nativeMemory } from './native-memory.ts';
import { createPrefixStore, type PrefixStore } from './prefix-store.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Where a loaded generator keeps its prefixes; undefined where none are wanted, or its cells cannot be kept. */
export function openPrefixStore(options: {
  readonly handle: number;
  readonly settings: EngineTask;
  readonly context: LoadedContext;
  readonly vocabulary: Vocabulary;
  readonly libraryVersion: string;
  readonly clock: Clock;
  readonly command: (command: WorkerCommand) => void;
}): PrefixStore | undefined {
  const { handle, settings, context, vocabulary, libraryVersion, clock, command } = options;
  if (settings.task !== 'generator' || settings.prefixes === undefined || context.cells === undefined) return undefined;
  const { folder, memoryBytes, diskBytes } = settings.prefixes;
  const { layout, bytesPerToken } = context.cells;
  return createPrefixStore({
    handle,
    limits: { memoryBytes, diskBytes },
    folder: diskBytes > 0 ? createPrefixFolder({ path: folder, limitBytes: diskBytes, clock }) : undefined,
    model: modelKey({
      weightsSha256: settings.weightsSha256,
      libraryVersion,
      kvType: settings.kvType,
      layout,
      // Scaling and base come with the weights and are not overridden; some models turn otherwise in long contexts.
      rope: ['model', context.sequenceTokens > vocabulary.originalContextTokens],
    }),
    bytesPerToken,
    memory: nativeMemory,
    clock,
    command,
  });
}
