import type { Embedder, Generator, LoadEvent, Reranker } from '../spec/engine.ts';
import type { Stages } from '../spec/stages.ts';
import type { StoreReader } from '../spec/store.ts';
import type { Scheduler } from '../spec/work.ts';
import type { LanguageDetector } from '../language/detect-language.ts';
import type { Clock } from '../util/clock.ts';
import type { QueryCaches } from './caches.ts';
import type { ReadingPace } from './reading-pace.ts';

/** What a question needs of the rest of the product; handed in by `open.ts`. */
export interface QueryParts {
  readonly store: StoreReader;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  /** Registered at `open`, by name. */
  readonly stages?: Stages;
  /** Absent: nothing is kept or shared. */
  readonly caches?: QueryCaches;
  readonly languages: LanguageDetector;
  /** Absent: how much is read does not follow the machine. */
  readonly pace?: ReadingPace;
  /** The collection's embedder, loaded on first use; undefined where the collection has no vectors or the model is not installed. */
  embedder(collection: string): Promise<Embedder | undefined>;
  /** The generator of the open directory, or the installed one that is named. Loads on first use and tells how far it is. */
  generator(onEvent: (event: LoadEvent) => void, name?: string): Promise<Generator>;
  /** The cross-encoder of this name, or the installed one. Loads on first use. */
  reranker(name?: string): Promise<Reranker>;
}
