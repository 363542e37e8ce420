/** A text of which ranges are read; a string is one. A long one is never whole in one string: to make that takes one long turn. */
export interface SlicedText {
  /** UTF-16 units. */
  readonly length: number;
  /** As that of a string, but for numbers below zero. Default: all of it. */
  slice(start?: number, end?: number): string;
}
