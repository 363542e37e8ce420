import type { Answer, Citation, Hit } from '../spec/answers.ts';
import type { GivenAnswer } from './judge-answer.ts';

/** An answer as it is judged. */
export function givenOf({ answer, abstained, confidence, citations, hits, timings, usage }: Answer): GivenAnswer {
  return {
    answer,
    abstained,
    confidence: confidence ?? null,
    citations: citations.map((citation) => ({
      source: citation.source,
      page: citation.page,
      pageKind: citation.pageKind,
      quote: citation.quote,
      verbatim: isVerbatim(citation, hits),
    })),
    latencyMs: timings.totalMs,
    promptTokens: usage.promptTokens,
    cachedTokens: usage.cachedTokens,
    outputTokens: usage.outputTokens,
  };
}

/**
 * A quote is verbatim where it stands at its place in the hits of its document, as far as they reach: a hit may have been read with what
 * stands around it. Null where no hit reaches it, so that nothing can be said.
 */
function isVerbatim({ document, start, end, quote }: Citation, hits: readonly Hit[]): boolean | null {
  const near = hits.filter((hit) => hit.document === document && hit.start < end && hit.end > start);
  if (quote.length !== end - start) return false;
  if (near.length === 0) return null;
  return near.every((hit) => {
    const [from, to] = [Math.max(start, hit.start), Math.min(end, hit.end)];
    return quote.slice(from - start, to - start) === hit.text.slice(from - hit.start, to - hit.start);
  });
}
