/**
 * RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it, which makes it text: at the beginning of the cell, and
 * after a semicolon, tab or line break inside it, where spreadsheets set to another separator begin a new cell.
 */
export function cell(value: string): string {
  const whole = /^[\s]*[=+\-@\t\r]/u.test(value) && !/^-?\d+(\.\d+)?$/u.test(value) ? `'${value}` : value;
  const inert = whole.replaceAll(innerFormula, (all, before: string, part: string) => (plainSigned.test(part) ? all : `${before}'${part}`));
  return /[",\r\n]/u.test(inert) || inert !== inert.trim() ? `"${inert.replaceAll('"', '""')}"` : inert;
}

const innerFormula = /([;\t\r\n][^\S\t\r\n]*)([=+\-@][^;\t\r\n]*)/gu;
/** A signed number or a dash before words, which stay as they are: without a call, a command or a reference to elsewhere it does nothing. */
const plainSigned = /^(?:- |[+-]\d)[^(|!#]*$/u;

export function csvLine(values: readonly string[]): string {
  return `${values.map(cell).join(',')}\r\n`;
}
