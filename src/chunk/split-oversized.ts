import type { TextSpan } from '../spec/chunk.ts';
import type { SlicedText } from '../spec/sliced-text.ts';
import { splitSpan, utf8Bytes } from './split-span.ts';

/**
 * Cuts spans that have more than `maxTokens` tokens. The pieces' counts are upper bounds: a tokenizer makes at most one token of a
 * UTF-8 byte, so a piece of at most `maxTokens` bytes fits whatever the tokenizer. Counting the pieces anew packs tighter.
 */
export function splitOversized(
  text: Pick<SlicedText, 'slice'>,
  spans: readonly TextSpan[],
  tokenCounts: Uint32Array,
  maxTokens: number,
): { readonly span: TextSpan; readonly tokens: number }[] {
  return spans.flatMap((span, index) => {
    const tokens = tokenCounts[index];
    if (tokens === undefined) throw new RangeError(`There are ${spans.length} spans but ${tokenCounts.length} token counts.`);
    if (tokens <= maxTokens) return [{ span, tokens }];
    const part = text.slice(span.start, span.end);
    return splitSpan(part, 0, part.length, maxTokens).map(({ start, end }) => ({
      span: { start: span.start + start, end: span.start + end, block: span.block },
      tokens: Math.min(utf8Bytes(part, start, end), maxTokens),
    }));
  });
}

/**
 * The same spans with the oversized ones cut into parts that probably fit, by their measured tokens a byte; `changed` are the
 * indexes whose count is not known. Call it with new counts until nothing changes, at most a few times.
 */
export function refineSpans(
  text: Pick<SlicedText, 'slice'>,
  spans: readonly TextSpan[],
  tokenCounts: Uint32Array,
  maxTokens: number,
): { readonly spans: TextSpan[]; readonly tokenCounts: Uint32Array; readonly changed: readonly number[] } {
  const refined: TextSpan[] = [];
  const counts: number[] = [];
  const changed: number[] = [];
  for (const [index, span] of spans.entries()) {
    const tokens = tokenCounts[index] ?? 0;
    if (tokens <= maxTokens) {
      refined.push(span);
      counts.push(tokens);
      continue;
    }
    const part = text.slice(span.start, span.end);
    const bytesPerToken = utf8Bytes(part, 0, part.length) / tokens;
    for (const { start, end } of splitSpan(part, 0, part.length, Math.floor(maxTokens * bytesPerToken * 0.8))) {
      changed.push(refined.length);
      refined.push({ start: span.start + start, end: span.start + end, block: span.block });
      counts.push(tokens);
    }
  }
  return { spans: refined, tokenCounts: Uint32Array.from(counts), changed };
}
