/** Longest first, cut into calls inside the embedder's limits; a text beyond the limit of tokens gets a call of its own. Pure. */
export function packCalls<Text extends { readonly tokens: number }>(
  texts: readonly Text[],
  limits: { readonly batchTokens: number; readonly batchItems: number },
): Text[][] {
  const calls: Text[][] = [];
  let tokens = 0;
  for (const text of texts.toSorted((a, b) => b.tokens - a.tokens)) {
    const call = calls.at(-1);
    if (call === undefined || call.length >= limits.batchItems || tokens + text.tokens > limits.batchTokens) {
      calls.push([text]);
      tokens = text.tokens;
    } else {
      call.push(text);
      tokens += text.tokens;
    }
  }
  return calls;
}
