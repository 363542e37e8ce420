import type { Interval } from './bootstrap.ts';
import { differencePlot, distributionPlot, intervalPlot, type PlotSeries, selectivePlot } from './plot.ts';
import type { SelectivePoint } from './selective.ts';
import { escapeMarkup as text } from './escape-markup.ts';

/** What a page shows of a measurement. */
export interface EvaluationReport {
  readonly title: string;
  /** What was measured, with what. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** One for each pipeline. */
  readonly series: readonly ReportSeries[];
  readonly differences: readonly { readonly name: string; readonly measures: Readonly<Record<string, Interval>> }[];
  readonly rows: ReportRows;
}

export interface ReportSeries {
  readonly name: string;
  readonly figures: readonly ReportFigure[];
  /** The values of the single questions. */
  readonly distribution?: { readonly name: string; readonly values: readonly number[] };
  /** What would be given at rising least confidences; empty or absent where answers were not verified. */
  readonly selective?: readonly SelectivePoint[];
}

/** A mean with its interval, or a share alone; null of nothing. */
export type ReportFigure = { readonly name: string; readonly mean: number | null; readonly n: number } & Partial<
  Pick<Interval, 'low' | 'high'>
>;

export interface ReportRows {
  readonly title: string;
  readonly columns: readonly string[];
  readonly cells: readonly (readonly string[])[];
}

const style = `
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; } td, th { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
td:first-child, th:first-child, .rows td, .rows th { text-align: left; vertical-align: top; } .rows td { overflow-wrap: anywhere; } .rows td:first-child { min-width: 4rem; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg text { fill: currentColor; }
.axis { stroke: currentColor; stroke-opacity: .4; } .grid { stroke: currentColor; stroke-opacity: .12; } figure { margin: 1rem 0 2rem; }
.s0 { fill: #2a6fdb; stroke: #2a6fdb; } .s1 { fill: #d9762a; stroke: #d9762a; } .s2 { fill: #2c9a5b; stroke: #2c9a5b; } .s3 { fill: #9a4bc4; stroke: #9a4bc4; }
`;

/** A page by itself: no script, nothing fetched, everything that came from documents or questions escaped. */
export function renderReport(report: EvaluationReport): string {
  const { title, facts, series, differences, rows } = report;
  const blocks = [
    `<h1>${text(title)}</h1>`,
    `<table>${facts.map(([name, value]) => `<tr><td>${text(name)}</td><td style="text-align:left">${text(value)}</td></tr>`).join('')}</table>`,
    '<h2>Figures</h2>',
    figureTable(series),
    `<figure>${intervalPlot(series.map(plotted))}<figcaption>Means with their 95 % bootstrap intervals.</figcaption></figure>`,
    ...series.flatMap(({ name, distribution }, index) =>
      distribution === undefined
        ? []
        : [
            `<figure>${distributionPlot(distribution.values, index)}<figcaption>${text(name)}: ${text(distribution.name)} of the single questions, n = ${distribution.values.length}.</figcaption></figure>`,
          ],
    ),
    ...selectiveBlocks(series),
    ...differences.map(
      ({ name, measures }) =>
        `<h2>${text(name)}</h2>${differenceTable(measures)}<figure>${differencePlot(measures)}<figcaption>Mean differences on the same questions with their 95 % paired bootstrap intervals.</figcaption></figure>`,
    ),
    `<h2>${text(rows.title)}</h2>`,
    table(rows.columns, rows.cells, 'rows'),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${text(title)}</title><style>${style}</style></head>
<body>
${blocks.join('\n')}
</body></html>
`;
}

function selectiveBlocks(series: readonly ReportSeries[]): string[] {
  const curves = series.map(({ name, selective = [] }) => ({ name, points: selective }));
  if (curves.every(({ points }) => points.length === 0)) return [];
  const share = (value: number | null): string => value?.toFixed(3) ?? '–';
  const columns = ['least confidence', 'answered', 'right of these', 'n', 'abstention recall', 'false refusals'];
  return [
    '<h2>Given from a confidence on</h2>',
    ...curves.flatMap(({ name, points }) =>
      points.length === 0
        ? []
        : [
            `<h3>${text(name)}</h3>`,
            table(
              columns,
              points.map(({ leastConfidence, coverage, right, abstentionRecall, falseRefusals }) => [
                leastConfidence.toFixed(2),
                ...[coverage, right].map(({ value }) => share(value)),
                String(right.n),
                ...[abstentionRecall, falseRefusals].map(({ value }) => share(value)),
              ]),
            ),
          ],
    ),
    `<figure>${selectivePlot(curves)}<figcaption>What is right of the answers given (upwards), by the share of questions that are answered.</figcaption></figure>`,
  ];
}

function plotted({ name, figures }: ReportSeries): PlotSeries {
  return { name, points: figures.flatMap(({ mean, ...rest }) => (mean === null || mean > 1 ? [] : [{ ...rest, value: mean }])) };
}

function figureTable(series: readonly ReportSeries[]): string {
  const names = [...new Set(series.flatMap(({ figures }) => figures.map(({ name }) => name)))];
  const cells = names.map((name) => [
    name,
    ...series.flatMap(({ figures }) => {
      const figure = figures.find((one) => one.name === name);
      if (figure === undefined || figure.mean === null) return ['–', '', String(figure?.n ?? 0)];
      const { mean, low, high, n } = figure;
      return [mean.toFixed(3), low === undefined || high === undefined ? '' : `${low.toFixed(3)} – ${high.toFixed(3)}`, String(n)];
    }),
  ]);
  return table(['', ...series.flatMap(({ name }) => [name, '95 %', 'n'])], cells);
}

function differenceTable(measures: Readonly<Record<string, Interval>>): string {
  const cells = Object.entries(measures).map(([name, { mean, low, high, n }]) => [
    name,
    mean.toFixed(4),
    `${low.toFixed(4)} – ${high.toFixed(4)}`,
    String(n),
  ]);
  return table(['', 'difference', '95 %', 'n'], cells);
}

function table(columns: readonly string[], cells: readonly (readonly string[])[], className = ''): string {
  const row = (tag: 'th' | 'td', values: readonly string[]) =>
    `<tr>${values.map((value) => `<${tag}>${text(value)}</${tag}>`).join('')}</tr>`;
  return `<table class="${className}">${row('th', columns)}${cells.map((values) => row('td', values)).join('\n')}</table>`;
}
