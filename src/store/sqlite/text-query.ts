/** Terms of a query, at most this many; what follows is left out. */
export const maxTerms = 64;

/** Distinct runs of letters, marks and digits, lower case, in order. */
export function queryTerms(query: string): readonly string[] {
  const terms = new Set<string>();
  for (const match of query
    .normalize('NFC')
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}\p{M}]+/gu)) {
    if (terms.size >= maxTerms) break;
    terms.add(match[0].slice(0, 200));
  }
  return [...terms];
}

/** An FTS5 string: the only form in which text of a user reaches the index. */
export function quoteTerm(term: string): string {
  return `"${term.replaceAll('"', '""')}"`;
}

/**
 * FTS5 expression of a query: each term quoted, any of them may match. Terms for which `isCommon` holds (half of the collection
 * holds them) are left out when others remain: they say little and cost most. Undefined when the query has no term.
 */
export function textQuery(query: string, isCommon: (quotedTerm: string) => boolean): string | undefined {
  const quoted = queryTerms(query).map(quoteTerm);
  if (quoted.length <= 1) return quoted[0];
  const telling = quoted.filter((term) => !isCommon(term));
  return (telling.length > 0 ? telling : quoted).join(' OR ');
}
