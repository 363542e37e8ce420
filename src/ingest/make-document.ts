import { segmentSlices } from '../chunk/segment.ts';
import { documentLanguage } from '../language/document-language.ts';
import type { TextSpan } from '../spec/chunk.ts';
import type { Embedder } from '../spec/engine.ts';
import type { ReadDocument } from '../spec/parser.ts';
import { sourceCodeType } from '../spec/source-code-type.ts';
import type { NewChunk, NewDocument } from '../spec/store.ts';
import { eventLoopTurn } from '../util/event-loop-turn.ts';
import { sha256InSteps } from '../util/hash.ts';
import { type Chunker, createChunkMaker, spanSlices } from './chunk-maker.ts';

/** The embedder counts tokens, and is named where it was not made for the language of a document. */
export interface MakingEmbedder {
  readonly tokenizer: Pick<Embedder['tokenizer'], 'countTokens'>;
  readonly model: Pick<Embedder['model'], 'id' | 'languages'>;
}

/** What made a document besides its text. */
export interface DocumentIdentity {
  readonly bytesSha256: string;
  readonly parseOptionsHash: string;
}

/** What is taken where the embedder does not read the language; the catalogue has it. */
const multilingualEmbedder = 'multilingual-e5-small';

/** Spans of one turn; documents with fewer are made together in one. */
const turnSpans = 2_000;

/** A parsed document with its chunks, as it goes into the record: segment, count, pack. Gives the main thread back between slices. */
export async function makeDocument(
  parsed: ReadDocument,
  identity: DocumentIdentity,
  chunker: Chunker,
  { tokenizer, model }: MakingEmbedder,
  signal: AbortSignal,
): Promise<NewDocument> {
  const { text, blocks } = parsed;
  const source = { slice: (start: number, end: number) => text.slice(start, end), block: (index: number) => blocks[index] };
  const maker = createChunkMaker(source, chunker, tokenizer, signal);
  const chunks: NewChunk[] = [];
  let spans = 0;
  for (const slice of spansOf(parsed)) {
    for (const chunk of await maker.add(slice)) chunks.push(chunk);
    spans += slice.length;
    signal.throwIfAborted();
    if (spans >= turnSpans) await eventLoopTurn();
  }
  chunks.push(...maker.end());
  const facts = documentFacts(parsed, identity, chunker, model);
  return { ...facts, text, textSha256: await sha256InSteps(text), blocks, chunks };
}

/** UTF-16 units of what a document calls itself, which stands before each of its passages: more is no title. */
const longestTitle = 500;

function cut(title: string): string {
  return title
    .slice(0, longestTitle)
    .toWellFormed()
    .replace(/\uFFFD$/, '')
    .trimEnd();
}

/** All of a document but what its text is and where it is cut. */
export function documentFacts(
  parsed: ReadDocument,
  identity: DocumentIdentity,
  { hash }: Chunker,
  model: MakingEmbedder['model'],
): Omit<NewDocument, 'text' | 'textSha256' | 'blocks' | 'chunks'> {
  const language = languageOf(parsed);
  const foreign = language === undefined ? undefined : foreignWarning(language, model);
  return {
    bytesSha256: identity.bytesSha256,
    parser: parsed.parser,
    parserVersion: parsed.parserVersion,
    parseOptionsHash: identity.parseOptionsHash,
    contentType: parsed.contentType,
    pages: parsed.pages,
    warnings: foreign === undefined ? parsed.warnings : [...parsed.warnings, foreign],
    chunkerHash: hash,
    ...(parsed.title === undefined ? {} : { title: parsed.title.length > longestTitle ? cut(parsed.title) : parsed.title }),
    ...(parsed.author === undefined ? {} : { author: parsed.author }),
    ...(language === undefined ? {} : { language }),
    ...(parsed.createdAt === undefined ? {} : { createdAt: parsed.createdAt }),
    ...(parsed.modifiedAt === undefined ? {} : { modifiedAt: parsed.modifiedAt }),
  };
}

/** The spans that came with the document, or those that its text is cut into here. */
function spansOf({ text, blocks, spans }: ReadDocument): Iterable<TextSpan[]> {
  return spans === undefined ? segmentSlices(text.slice(), blocks) : spanSlices(spans);
}

/** Where the text was taken away, whoever has it has told. */
function languageOf({ language, contentType, text, taken }: ReadDocument): string | undefined {
  return taken === undefined ? documentLanguage({ language, isSourceCode: contentType === sourceCodeType }, text) : language;
}

function foreignWarning(language: string, { id, languages }: MakingEmbedder['model']): string | undefined {
  const [primary = language] = language.toLowerCase().split(/[-_]/);
  if (languages.includes('*') || languages.includes(primary)) return undefined;
  return (
    `It is in the language "${primary}"; the embedder ${id} was made for ${languages.join(', ')}, so it is found by its words only where ` +
    `the question is in that language too. --embedder ${multilingualEmbedder} for a new collection reads it.`
  );
}
