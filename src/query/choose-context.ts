import { queryDefaults, type ResolvedPipeline } from './resolve-pipeline.ts';

/** What may be read before an answer, on a machine that reads it as it comes. */
const readingSeconds = 8;
const mostTokens = 2_000;
/** A machine that reads so many tokens a second asks all passages together: they take it less than a second, and second sources are told. */
const fastTokensPerSecond = 1_000;

/**
 * How much is read, and how many passages together, where the pipeline does not say: by the pace of the machine. A slow or unknown one asks
 * the best passage alone, which answers most questions. Pure.
 *
 * @param tokensPerSecond at which the generator reads; undefined before anything was read
 */
export function chooseContext(
  { tokens, atOnce, passages }: Pick<ResolvedPipeline['context'], 'tokens' | 'atOnce' | 'passages'>,
  tokensPerSecond: number | undefined,
): { readonly tokens: number; readonly atOnce: number } {
  const { contextTokens: least } = queryDefaults;
  const readable = tokensPerSecond === undefined ? least : Math.round(tokensPerSecond * readingSeconds);
  const isFast = tokensPerSecond !== undefined && tokensPerSecond >= fastTokensPerSecond;
  return {
    tokens: tokens ?? Math.min(mostTokens, Math.max(least, readable)),
    atOnce: atOnce ?? (isFast ? passages : 1),
  };
}
