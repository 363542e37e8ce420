import { childElement, childElements, descendants, type XmlElement, xmlText } from '../xml-tree.ts';
import { greatest } from '../../util/greatest.ts';

const maxPoints = 1_000;

/** The data of a chart as a table: one row a category, one column a series, the series' names as header. */
export function chartRows(part: XmlElement): string[][] {
  const series = [...descendants(part, 'ser')].map((element) => ({
    name: points(childElement(element, 'tx')).join(' '),
    categories: points(childElement(element, 'cat') ?? childElement(element, 'xVal')),
    values: points(childElement(element, 'val') ?? childElement(element, 'yVal')),
  }));
  const categories = series.find((one) => one.categories.length > 0)?.categories ?? [];
  const length = greatest(
    series.map(({ values }) => values.length),
    categories.length,
  );
  if (length === 0) return [];
  const rows = Array.from({ length }, (_, index) => [categories[index] ?? '', ...series.map(({ values }) => values[index] ?? '')]);
  return [[chartTitle(part), ...series.map(({ name }) => name)], ...rows];
}

function chartTitle(part: XmlElement): string {
  const title = descendants(part, 'title').next().value as XmlElement | undefined;
  return title === undefined ? '' : [...descendants(title, 't')].map(xmlText).join('').trim();
}

/** Cached values in their order; numbers as they are stored. */
function points(element: XmlElement | undefined): string[] {
  if (element === undefined) return [];
  const result: string[] = [];
  for (const point of descendants(element, 'pt')) {
    const index = Number(point.attributes['idx'] ?? result.length);
    if (Number.isInteger(index) && index >= 0 && index < maxPoints) result[index] = numberText(xmlText(childElement(point, 'v')));
  }
  if (result.length === 0) for (const value of childElements(element, 'v')) result.push(xmlText(value));
  return Array.from(result, (value) => value ?? '');
}

/** Stored numbers carry the noise of binary fractions. */
function numberText(text: string): string {
  return /^-?\d+\.\d{10,}$/.test(text) ? String(Number(Number(text).toPrecision(12))) : text;
}
