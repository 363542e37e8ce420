const months = 'january february march april may june july august september october november december'.split(' ');

/** A date in ISO form (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`) that the calendar has, or undefined. */
export function dateOf(text: string): string | undefined {
  const [, year, month, day] = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/u.exec(text) ?? [];
  if (year === undefined) return undefined;
  if (month !== undefined && (Number(month) < 1 || Number(month) > 12)) return undefined;
  // Day 0 of the next month is the last one of this.
  const last = new Date(Date.UTC(Number(year), Number(month ?? 1), 0)).getUTCDate();
  return day !== undefined && (Number(day) < 1 || Number(day) > last) ? undefined : text;
}

/** How documents write such a date: as words to look for together, one list for each way. */
export function writtenForms(date: string): string[][] {
  const [year = '', month, day] = date.split('-');
  if (month === undefined) return [[year]];
  const name = months[Number(month) - 1] ?? '';
  if (day === undefined) return [[date], [name, year], [name.slice(0, 3), year]];
  const plainDay = String(Number(day));
  const plainMonth = String(Number(month));
  return [
    [date],
    [plainDay, name, year],
    [plainDay, name.slice(0, 3), year],
    ...['.', '/', '-'].flatMap((mark) => [
      [[day, month, year].join(mark)],
      [[plainDay, plainMonth, year].join(mark)],
      [[month, day, year].join(mark)],
      [[plainMonth, plainDay, year].join(mark)],
    ]),
  ];
}
