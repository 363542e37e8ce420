/**
 * What a document is called in hits, citations, rows and prompts: as who handed its source over called it, else as it calls itself. What
 * files say of themselves is often the name of a program or of a template. A blank title is none.
 */
export function shownTitle(own: string | null, source: { readonly title: string | null }): string | null {
  return [source.title, own].find((title) => title !== null && title.trim() !== '') ?? null;
}
