/** "[1]", "[note 2]", "¹", also several. */
const marks = /(?:\[[^[\]\n]{1,20}\]|[⁰¹²³⁴-⁹])+/gu;
const stops = '.!?…。！？';
const closings = '"”’»)';

/**
 * The same text, unit for unit, with closing brackets in the place of the marks of footnotes that stand behind a sentence: "1889.[1] It" reads
 * as "1889.))) It". What finds sentences takes such marks for a part of theirs, where an opening bracket would begin the next one in its middle.
 */
export function closeFootnoteMarks(text: string): string {
  return text.replace(marks, (found: string, at: number) => (endsSentence(text, at) ? ')'.repeat(found.length) : found));
}

function endsSentence(text: string, end: number): boolean {
  let at = end - 1;
  while (at >= 0 && closings.includes(text.charAt(at))) at -= 1;
  return at >= 0 && stops.includes(text.charAt(at));
}
