import { type Interval, leavesOutZero } from './bootstrap.ts';
import { escapeMarkup as text } from './escape-markup.ts';
import type { SelectivePoint } from './selective.ts';

/** Plots as SVG for a page: colours are the classes s0 … s3 of the page, everything named is escaped. */

export interface PlotSeries {
  readonly name: string;
  readonly points: readonly {
    readonly name: string;
    readonly value: number;
    readonly low?: number;
    readonly high?: number;
    readonly n: number;
  }[];
}

const width = 760;
const left = 150;
const right = 70;
const rowHeight = 18;
const colours = 4;

/** One row for each figure and series, from 0 to 1, with its interval. */
export function intervalPlot(series: readonly PlotSeries[]): string {
  const names = [...new Set(series.flatMap(({ points }) => points.map(({ name }) => name)))];
  const across = (value: number): number => left + Math.min(1, Math.max(0, value)) * (width - left - right);
  const parts: string[] = [];
  let y = 20;
  for (const name of names) {
    parts.push(label(left - 8, y + 4, 'end', name));
    for (const [index, { points }] of series.entries()) {
      const point = points.find((one) => one.name === name);
      if (point === undefined) continue;
      const { value, low = value, high = value, n } = point;
      parts.push(
        `<g class="s${index % colours}"><line x1="${at(across(low))}" x2="${at(across(high))}" y1="${y}" y2="${y}" stroke-width="2"/><circle cx="${at(across(value))}" cy="${y}" r="4"/></g>`,
        label(width - right + 8, y + 4, 'start', `${value.toFixed(3)} (${n})`),
      );
      y += rowHeight;
    }
    y += 6;
  }
  const marks = [0, 0.25, 0.5, 0.75, 1].map((value) => mark(across(value), y, value.toString()));
  return svg(y + 44, [...marks, ...parts, legend(series, y + 26)]);
}

/** How often values lie in each tenth of 0 … 1. */
export function distributionPlot(values: readonly number[], colour: number): string {
  const counts = Array.from({ length: 10 }, () => 0);
  for (const value of values) {
    const bin = Math.min(9, Math.max(0, Math.floor(value * 10)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const most = Math.max(1, ...counts);
  const height = 120;
  const step = (width - left - right) / counts.length;
  const bars = counts.map((count, index) => {
    const tall = (count / most) * height;
    const x = left + index * step;
    return `<rect class="s${colour % colours}" x="${at(x + 2)}" y="${at(20 + height - tall)}" width="${at(step - 4)}" height="${at(tall)}"/>${label(x + step / 2, 15 + height - tall, 'middle', String(count))}`;
  });
  const axis = `<line class="axis" x1="${left}" x2="${width - right}" y1="${20 + height}" y2="${20 + height}"/>`;
  const marks = [0, 0.5, 1].map((value) => label(left + value * (width - left - right), 36 + height, 'middle', value.toString()));
  return svg(height + 44, [axis, ...bars, ...marks]);
}

/** What is right of the answers given, from 0 to 1 upwards, by the share of questions answered: one line for each series. */
export function selectivePlot(
  series: readonly { readonly name: string; readonly points: readonly Pick<SelectivePoint, 'coverage' | 'right'>[] }[],
): string {
  const height = 220;
  const across = (value: number): number => left + value * (width - left - right);
  const up = (value: number): number => 20 + (1 - value) * height;
  const lines = series.map(({ points }, index) => {
    const places = points.flatMap(({ coverage, right: { value } }) =>
      coverage.value === null || value === null ? [] : [`${at(across(coverage.value))},${at(up(value))}`],
    );
    const dots = places.map((place) => {
      const [x, y] = place.split(',');
      return `<circle cx="${x}" cy="${y}" r="3"/>`;
    });
    return `<g class="s${index % colours}"><polyline points="${places.join(' ')}" style="fill:none" stroke-width="2"/>${dots.join('')}</g>`;
  });
  const marks = [0, 0.25, 0.5, 0.75, 1].flatMap((value) => [
    mark(across(value), 20 + height, value.toString()),
    `<line class="grid" x1="${left}" x2="${width - right}" y1="${at(up(value))}" y2="${at(up(value))}"/>`,
    label(left - 8, up(value) + 4, 'end', value.toString()),
  ]);
  return svg(height + 44 + 20, [...marks, ...lines, legend(series, height + 48)]);
}

/** Differences around 0 with their intervals. */
export function differencePlot(measures: Readonly<Record<string, Interval>>): string {
  const rows = Object.entries(measures).filter(([, { n }]) => n > 0);
  const reach = Math.max(0.01, ...rows.flatMap(([, { low, high }]) => [Math.abs(low), Math.abs(high)]));
  const middle = left + (width - left - right) / 2;
  const across = (value: number): number => middle + (value / reach) * ((width - left - right) / 2);
  const parts = rows.map(([name, interval], index) => {
    const { mean, low, high } = interval;
    const y = 20 + index * (rowHeight + 4);
    const colour = !leavesOutZero(interval) ? 0 : low > 0 ? 2 : 1;
    return `${label(left - 8, y + 4, 'end', name)}<g class="s${colour}"><line x1="${at(across(low))}" x2="${at(across(high))}" y1="${y}" y2="${y}" stroke-width="2"/><circle cx="${at(across(mean))}" cy="${y}" r="4"/></g>${label(width - right + 8, y + 4, 'start', mean.toFixed(3))}`;
  });
  const bottom = 14 + rows.length * (rowHeight + 4);
  const marks = [-reach, 0, reach].map((value) => mark(across(value), bottom, value.toFixed(3)));
  return svg(bottom + 24, [...marks, ...parts]);
}

function legend(series: readonly { readonly name: string }[], y: number): string {
  const entries = series.map(({ name }, index) => {
    const place = left + index * 150;
    return `<rect class="s${index % colours}" x="${place}" y="${y}" width="10" height="10"/>${label(place + 15, y + 9, 'start', name.slice(0, 24))}`;
  });
  return entries.join('');
}

function mark(x: number, bottom: number, name: string): string {
  return `<line class="grid" x1="${at(x)}" x2="${at(x)}" y1="8" y2="${at(bottom)}"/>${label(x, bottom + 15, 'middle', name)}`;
}

function label(x: number, y: number, anchor: 'start' | 'middle' | 'end', name: string): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}">${text(name)}</text>`;
}

function at(value: number): string {
  return value.toFixed(1);
}

function svg(height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${Math.ceil(height)}" width="${width}" height="${Math.ceil(height)}" role="img">${parts.join('')}</svg>`;
}
