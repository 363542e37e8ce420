/** "Comment by A. Person, 2031-03-14: the text", as far as the format says. `at`: the place, for example " at B2". */
export function commentText(text: string, author: string | undefined, time: string | undefined, at = ''): string {
  const day = /^\d{4}-\d{2}-\d{2}/.exec(time ?? '')?.[0];
  const by = author === undefined || author.trim() === '' ? '' : ` by ${author.trim()}`;
  return `Comment${at}${by}${day === undefined ? '' : `, ${day}`}: ${text.trim()}`;
}
