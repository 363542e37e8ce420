/** What separates the cells of a CSV file: the comma or the semicolon, of which its first line has more outside of quotation marks. */
export function separatorOf(text: string): ',' | ';' {
  const [header = ''] = text.split(/[\r\n]/, 1);
  const bare = header.replaceAll(/"(?:[^"]|"")*"/g, '');
  const count = (sign: string): number => bare.split(sign).length - 1;
  return count(';') > count(',') ? ';' : ',';
}
