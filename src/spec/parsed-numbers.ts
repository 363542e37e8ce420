/** How a parsed document is written as numbers. By itself, because a process that only writes them needs no schema. */

/** The number of a kind is its place. */
export const blockKinds = ['heading', 'paragraph', 'list-item', 'table', 'code', 'quote'] as const;

/** Numbers of one span: its start, its end, and the number of its block + 1, 0 outside of all. */
export const spanNumbers = 3;
