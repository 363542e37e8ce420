import type { ParsedPortion, PortionTaker, ReadDocument } from '../spec/parser.ts';
import type { NewDocument, StagedDocument, Store } from '../spec/store.ts';
import { eventLoopTurn } from '../util/event-loop-turn.ts';
import { createSha256 } from '../util/hash.ts';
import { piecedText } from '../util/pieced-text.ts';
import { type Chunker, createChunkMaker, spanSlices } from './chunk-maker.ts';
import { type DocumentIdentity, documentFacts, type MakingEmbedder } from './make-document.ts';

/** A document that goes to the record while it is parsed, a portion at a time: count, pack, stage. */
export interface LongDocument {
  readonly taker: PortionTaker;
  /** The whole of it, for its commit: what was staged is not in it. */
  end(parsed: ReadDocument, identity: DocumentIdentity): Promise<MadeDocument>;
  /** Gives up what was staged. */
  forget(): Promise<void>;
}

export interface MadeDocument {
  readonly document: NewDocument;
  readonly textLength: number;
  readonly pages: number;
  readonly chunks: number;
  readonly staged?: StagedDocument;
}

/** Pages with their boxes that are handed over together. */
const stagedPages = 50;

export function createLongDocument(
  store: Pick<Store, 'stageDocument'>,
  chunker: Chunker,
  { tokenizer, model }: MakingEmbedder,
  signal: AbortSignal,
): LongDocument {
  const staged = store.stageDocument();
  const hash = createSha256();
  /** Those that chunks may still be made of. */
  let held: readonly ParsedPortion[] = [];
  let text = piecedText([]);
  let textLength = 0;
  let chunks = 0;
  const source = {
    slice(start: number, end: number) {
      const from = held[0]?.start ?? 0;
      return text.slice(start - from, end - from);
    },
    block(index: number) {
      const portion = held.at(-1);
      return portion?.blocks[index - portion.firstBlock];
    },
  };
  const maker = createChunkMaker(source, chunker, tokenizer, signal);

  async function stageChunks(made: NewDocument['chunks']): Promise<void> {
    chunks += made.length;
    if (made.length > 0) await staged.add({ chunks: made });
  }

  return {
    taker: {
      async take(portion) {
        held = [...held.filter((one) => one.start + one.text.length > maker.neededFrom), portion];
        text = piecedText(held.map((one) => one.text));
        textLength += portion.text.length;
        hash.update(Buffer.from(portion.text, 'utf8'));
        await staged.add({ text: portion.text, blocks: portion.blocks });
        for (const spans of spanSlices(portion.spans)) {
          signal.throwIfAborted();
          await stageChunks(await maker.add(spans));
          await eventLoopTurn();
        }
      },
    },
    async end(parsed, identity) {
      await stageChunks(maker.end());
      held = [];
      const { pages, ...facts } = documentFacts(parsed, identity, chunker, model);
      for (let at = 0; at < pages.length; at += stagedPages) await staged.add({ pages: pages.slice(at, at + stagedPages) });
      const document = { ...facts, text: '', textSha256: hash.digest(), pages: [], blocks: [], chunks: [] };
      return { document, textLength, pages: pages.length, chunks, staged };
    },
    forget: () => staged.forget(),
  };
}
