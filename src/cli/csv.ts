/** RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it, which makes it text. */
export function cell(value: string): string {
  const inert = /^[\s]*[=+\-@\t\r]/u.test(value) && !/^-?\d+(\.\d+)?$/u.test(value) ? `'${value}` : value;
  return /[",\r\n]/u.test(inert) || inert !== inert.trim() ? `"${inert.replaceAll('"', '""')}"` : inert;
}

export function csvLine(values: readonly string[]): string {
  return `${values.map(cell).join(',')}\r\n`;
}
