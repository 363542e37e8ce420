/**
 * Writes the pages of `docs/reference` that are made from code: `npm run docs`. `test/docs-sync.test.ts` fails when a page and
 * its code differ.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { configSettings } from '../src/config.ts';
import { errorCatalogue, type ErrorEntry } from '../src/errors.ts';
import { metricCatalogue, type MetricEntry } from '../src/metrics/catalogue.ts';

/** Path in the repository and full text of one page. */
export interface GeneratedPage {
  readonly file: string;
  readonly text: string;
}

const note = '<!-- Made from code by "npm run docs"; a change here is lost. -->';

export async function generatePages(): Promise<GeneratedPage[]> {
  const pages: GeneratedPage[] = [
    { file: 'docs/reference/errors.md', text: errorsPage() },
    { file: 'docs/reference/config.md', text: configPage() },
    { file: 'docs/reference/metrics.md', text: metricsPage() },
  ];
  const commandLine = new URL('../src/cli/main.ts', import.meta.url);
  if (existsSync(commandLine)) {
    const { createProgram } = (await import(commandLine.href)) as { readonly createProgram: () => Command };
    pages.push({ file: 'docs/reference/cli.md', text: commandLinePage(createProgram()) });
  }
  return pages;
}

function errorsPage(): string {
  const rows = Object.entries<ErrorEntry>(errorCatalogue).map(([code, entry]) => [
    `\`${code}\``,
    entry.meaning,
    entry.remedy,
    String(entry.exitCode),
    String(entry.httpStatus),
    entry.retryable ? 'yes' : 'no',
  ]);
  return page('Errors', [
    'Every failure that leaves millrace carries one of these codes, in the library (`MillraceError.code`), in `--json` and over HTTP. "Retry" says whether the same call may succeed later without a change on your side.',
    table(['Code', 'Meaning', 'What to do', 'Exit code', 'HTTP status', 'Retry'], rows),
  ]);
}

function configPage(): string {
  const rows = configSettings.map(({ name, type, default: fallback, environment, flag, description }) => [
    `\`${name}\``,
    type,
    fallback,
    code(environment),
    code(flag),
    description,
  ]);
  return page('Configuration', [
    'Settings come from, in rising order of claim: the defaults, `millrace.json` in the working directory, the environment, and flags or options of a call.',
    table(['Setting', 'Type', 'Default', 'Environment', 'Flag', 'Meaning'], rows),
  ]);
}

function metricsPage(): string {
  const rows = Object.entries<MetricEntry>(metricCatalogue).map(([name, { kind, help, labels, buckets }]) => [
    code(name),
    kind,
    labels.map(code).join(', '),
    buckets === undefined ? help : `${help} Bounds: ${buckets.join(', ')}.`,
  ]);
  return page('Metrics', [
    '`mill.metrics()` gives these in the text format of Prometheus, for the process that was asked. Seconds and bytes, totals since the directory was opened. `millrace status --watch` shows the most telling ones of the process that writes to the directory.',
    table(['Metric', 'Kind', 'Labels', 'Meaning'], rows),
  ]);
}

function commandLinePage(program: Command): string {
  const sections = [...commandsOf(program)].map(({ title, command }) => {
    command.configureOutput({ getOutHelpWidth: () => 110, getOutHasColors: () => false });
    return `## ${title}\n\n\`\`\`text\n${command.helpInformation().trimEnd()}\n\`\`\``;
  });
  return page('Command line', sections);
}

function* commandsOf(command: Command, trail: readonly string[] = []): Generator<{ readonly title: string; readonly command: Command }> {
  const names = [...trail, command.name()];
  yield { title: names.join(' '), command };
  for (const child of command.commands) if (child.name() !== 'help') yield* commandsOf(child, names);
}

function page(title: string, blocks: readonly string[]): string {
  return `${[note, `# ${title}`, ...blocks].join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

const root = new URL('../', import.meta.url);
if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const { file, text } of await generatePages()) {
    const target = fileURLToPath(new URL(file, root));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
    process.stderr.write(`${file}\n`);
  }
}
