import { isMillraceError } from '../errors.ts';
import type { Hit } from '../spec/answers.ts';
import type { ChunkId, DocumentId } from '../spec/identifiers.ts';
import type { StoredChunk, StoreReader } from '../spec/store.ts';
import { plain } from './select-hits.ts';

export interface SectionRoom {
  /** Most tokens of one section, headings included. */
  readonly tokens: number;
  /** Most of all together; what is read of one is then not read again with another. Undefined: each is read by itself. */
  readonly together?: number;
  /** Most passages that are wanted. Undefined: all. */
  readonly passages?: number;
  /** Tokens of a passage. */
  count(passage: Hit): Promise<number>;
  /** Whether the model holds it beside the question. */
  fits?(passage: Hit): Promise<boolean>;
}

/** Of a hit. */
type Side = 'before' | 'after';

/** Chunks of one look into the record. */
const batchChunks = 16;

/**
 * The hits, each with the section that it belongs to: a small chunk is found, what stands around it is read. The section is that of its
 * heading path with all below it; of a chunk that is a whole section, the one above; without headings the document. What does not fit is cut
 * to whole chunks around the hit, as far on either side; a hit that does not fit alone stays as it is. Hits of one section that fits become
 * the same passage, given once, at the place of the best: the same bytes for each question, so that its tokens are computed once. A hit
 * that lies in what was read with another is left out, and so is a passage that says the same as one before: of copies one is read. Of what
 * is read together no chunk comes twice, be it in a copy of its document; nothing else is left out.
 */
export async function readSections(
  store: Pick<StoreReader, 'listChunks' | 'readChunks' | 'readSpan'>,
  hits: readonly Hit[],
  room: SectionRoom,
): Promise<readonly Hit[]> {
  const read: Hit[] = [];
  /** What was read, by text: the documents that say so. */
  const said = new Map<string, Set<string>>();
  const note = ({ text, document }: Said): void => {
    const key = plain(text);
    said.set(key, (said.get(key) ?? new Set()).add(document));
  };
  /** A document may say a thing twice; what another has said before is a copy. */
  const isCopy = ({ text, document }: Said): boolean => [...(said.get(plain(text)) ?? [])].some((one) => one !== document);
  let left = room.together ?? Number.POSITIVE_INFINITY;
  const lies = ({ document, start, end }: Placement): boolean =>
    read.some((one) => one.document === document && start >= one.start && end <= one.end);
  const isRead = (chunk: Placement & Said): boolean => lies(chunk) || (room.together !== undefined && isCopy(chunk));
  for (const hit of hits) {
    if (read.length >= (room.passages ?? Number.POSITIVE_INFINITY)) break;
    if (isRead(hit)) continue;
    const tokens = Math.min(room.tokens, left);
    if (tokens <= 0) {
      read.push(hit);
      note(hit);
      continue;
    }
    const { passage, chunks } = await readSection(
      store,
      hit,
      { ...room, tokens },
      room.together === undefined ? () => false : isRead,
    ).catch((error: unknown) => {
      // The document went meanwhile.
      if (isMillraceError(error) && error.code === 'E_NOT_FOUND') return alone(hit);
      throw error;
    });
    if (isCopy(passage)) continue;
    read.push(passage);
    for (const part of [passage, ...(room.together === undefined ? [] : chunks)]) note(part);
    if (room.together !== undefined) left -= await room.count(passage);
  }
  return read;
}

type Said = Pick<Hit, 'text' | 'document'>;
type Placement = Pick<Hit, 'document' | 'start' | 'end'>;

interface ReadSection {
  readonly passage: Hit;
  /** What it is made of. */
  readonly chunks: readonly Said[];
}

function alone(hit: Hit): ReadSection {
  return { passage: hit, chunks: [hit] };
}

async function readSection(
  store: Pick<StoreReader, 'listChunks' | 'readChunks' | 'readSpan'>,
  hit: Hit,
  room: SectionRoom,
  isRead: (chunk: StoredChunk) => boolean,
): Promise<ReadSection> {
  const document = hit.document as DocumentId;
  const chunks = chunksOf(store, await store.listChunks(document));
  const place = chunks.placeOf(hit.chunk as ChunkId);
  const own = await chunks.at(place, 'after');
  // Another version of the document has its chunks by now.
  if (own === undefined) return alone(hit);
  const section = sectionOf(own, await chunks.at(place + 1, 'after'));
  const taken = { before: 0, after: 0 };
  let used = await room.count(hit);
  const open = new Set<Side>(begins(own, section) ? ['after'] : ['before', 'after']);
  while (open.size > 0) {
    for (const side of open) {
      const next = await chunks.at(side === 'before' ? place - taken.before - 1 : place + taken.after + 1, side);
      const isFirst = side === 'before' && next !== undefined && begins(next, section);
      const belongs = next !== undefined && (isFirst || isWithin(next, section)) && !isRead(next);
      const cost = belongs ? await costOf(next) : 0;
      const isTaken = belongs && used + cost <= room.tokens;
      if (isTaken) {
        taken[side] += 1;
        used += cost;
      }
      if (!isTaken || isFirst) open.delete(side);
    }
  }
  // Counted together they may be a few tokens more.
  while (taken.before + taken.after > 0) {
    const parts = chunks.between(place - taken.before, place + taken.after);
    const passage = await passageOf(parts.at(0) ?? own, parts.at(-1) ?? own);
    if ((await room.count(passage)) <= room.tokens && ((await room.fits?.(passage)) ?? true)) return { passage, chunks: parts };
    taken[taken.before > taken.after ? 'before' : 'after'] -= 1;
  }
  return alone(hit);

  /** Without its headings, which are told once. */
  function costOf({ text }: StoredChunk): Promise<number> {
    return room.count({ ...hit, title: null, headingPath: [], tableHeader: null, text });
  }

  async function passageOf(first: StoredChunk, last: StoredChunk): Promise<Hit> {
    const [start, end] = [Math.min(first.start, hit.start), Math.max(last.end, hit.end)];
    return {
      ...hit,
      page: first.page.number,
      pageLabel: first.page.label,
      pageKind: first.page.kind,
      start,
      end,
      headingPath: [...first.headingPath],
      tableHeader: first.tableHeader,
      text: await store.readSpan(document, start, end),
    };
  }
}

/** Chunks of a document by their place in it, read from the record as they are needed. */
function chunksOf(store: Pick<StoreReader, 'readChunks'>, ids: readonly ChunkId[]) {
  const known = new Map<ChunkId, StoredChunk>();
  return {
    placeOf: (id: ChunkId) => ids.indexOf(id),
    /** Undefined before the first and behind the last. @param side on which the next one will be asked for */
    async at(place: number, side: Side): Promise<StoredChunk | undefined> {
      const id = ids[place];
      if (id === undefined) return undefined;
      if (!known.has(id)) {
        const from = side === 'after' ? place : Math.max(0, place + 1 - batchChunks);
        const to = side === 'after' ? place + batchChunks : place + 1;
        for (const chunk of await store.readChunks(ids.slice(from, to))) known.set(chunk.id, chunk);
      }
      return known.get(id);
    },
    /** Those that were read from one place to another. */
    between: (first: number, last: number) => ids.slice(Math.max(0, first), last + 1).flatMap((id) => known.get(id) ?? []),
  };
}

type Placed = Pick<StoredChunk, 'headingPath' | 'text'>;

/**
 * The heading path of the smallest section that holds the chunk and more: the one that it begins, where the next chunk goes on with it,
 * else the one that it stands in. Pure.
 */
export function sectionOf(chunk: Placed, next: Placed | undefined): readonly string[] {
  return next !== undefined && begins(chunk, next.headingPath) ? next.headingPath : chunk.headingPath;
}

function isWithin({ headingPath }: Placed, section: readonly string[]): boolean {
  return section.every((heading, level) => headingPath[level] === heading);
}

/** The chunk's text begins with the headings of the section that its path lacks: a heading is in the text of the first chunk only. */
function begins({ headingPath, text }: Placed, section: readonly string[]): boolean {
  if (headingPath.length >= section.length || headingPath.some((heading, level) => heading !== section[level])) return false;
  let rest = text.replaceAll(/\s+/g, ' ').trimStart();
  for (const heading of section.slice(headingPath.length)) {
    // In a path a long one is cut.
    const said = heading.endsWith('…') ? heading.slice(0, -1) : heading;
    if (!rest.startsWith(said)) return false;
    rest = rest.slice(said.length).trimStart();
  }
  return true;
}
