import { toMillraceError } from '../errors.ts';
import type { ParsedBlock, ParsedPortion, ParseInput, PortionTaker, ReadDocument } from '../spec/parser.ts';
import { piecedText } from '../util/pieced-text.ts';
import { type DocumentHeader, portionHeader } from './answer-header.ts';
import type { ChildGuard } from './child-guard.ts';
import { decodeDocument, decodePortion, type Frame, noPortions } from './wire.ts';

/** The portions of one long document, on their way from a child to who takes them. */
export interface TakenPortions {
  /** Never rejects: what fails ends the child. */
  take(this: void, frame: Frame): Promise<void>;
  /** The document that a child's answer ends. Rejects with `RangeError` where it does not fit its portions. */
  whole(header: DocumentHeader, payload: Buffer): Promise<ReadDocument>;
}

/** `maxBytes`: of all of them together. */
export function createTakenPortions({ taker, name }: ParseInput, guard: ChildGuard, maxBytes: number): TakenPortions {
  let soFar = noPortions;
  let bytes = 0;
  let into: (PortionTaker & Partial<Kept>) | undefined;
  return {
    async take({ header, payload }) {
      if (guard.reason() !== undefined) return;
      try {
        bytes += payload.length;
        if (bytes > maxBytes) throw new RangeError(`The portions of a document are more than ${maxBytes} bytes.`);
        await guard.pausedFor(async () => {
          const decoded = await decodePortion(portionHeader.parse(header), payload, soFar);
          ({ soFar } = decoded);
          into ??= taker?.() ?? createKept();
          await into.take(decoded.portion);
        });
      } catch (error) {
        guard.end(toMillraceError(error, 'E_PARSE_CRASHED', `${name}: the parser process gave no valid answer`));
      }
    },
    async whole(header, payload) {
      const { portionUnits = 0 } = header;
      if (portionUnits !== soFar.textUnits) throw new RangeError('Portions of the document are missing.');
      const document = await decodeDocument(header, payload);
      if (into === undefined) return document;
      return { ...document, ...(into.kept === undefined ? { taken: into } : into.kept()) };
    },
  };
}

interface Kept {
  kept(): Pick<ReadDocument, 'text' | 'blocks' | 'spans'>;
}

/** For who wants the document as a whole. */
function createKept(): PortionTaker & Kept {
  const texts: string[] = [];
  const blocks: ParsedBlock[] = [];
  const spans: Uint32Array[] = [];
  return {
    async take(portion: ParsedPortion) {
      await Promise.resolve();
      texts.push(portion.text);
      blocks.length = portion.firstBlock;
      for (const block of portion.blocks) blocks.push(block);
      spans.push(portion.spans);
    },
    kept() {
      const all = new Uint32Array(spans.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const ofPortion of spans) {
        all.set(ofPortion, at);
        at += ofPortion.length;
      }
      return { text: piecedText(texts), blocks, spans: all };
    },
  };
}
