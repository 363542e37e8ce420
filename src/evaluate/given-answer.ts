import type { Answer } from '../spec/answers.ts';
import type { GivenAnswer } from './judge-answer.ts';

/** An answer as it is judged. A quote is verbatim where it stands in a passage that was read from the record, at its place. */
export function givenOf({ answer, abstained, citations, hits, timings, usage }: Answer): GivenAnswer {
  return {
    answer,
    abstained,
    citations: citations.map(({ source, page, quote, start, end, document }) => ({
      source,
      page,
      quote,
      verbatim: hits.some((hit) => hit.document === document && hit.text.slice(Math.max(0, start - hit.start), end - hit.start) === quote),
    })),
    latencyMs: timings.totalMs,
    promptTokens: usage.promptTokens,
    cachedTokens: usage.cachedTokens,
    outputTokens: usage.outputTokens,
  };
}
