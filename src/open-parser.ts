import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadFormatModules } from './parse/format-modules.ts';
import { createDocumentParser } from './parse/pool.ts';
import type { DocumentParser } from './spec/parser.ts';
import { systemClock } from './util/clock.ts';

export interface OpenParserOptions {
  /** Parser processes. Default: cores − 1, at most 4. */
  readonly concurrency?: number;
  /** Modules with formats of your own, as the option `formats` of `open`. */
  readonly formats?: readonly string[];
  readonly workingDirectory?: string;
}

/**
 * Opens the parsers by themselves, in their isolated processes: for programs that bring their own record, and for measuring.
 * @throws MillraceError E_INPUT_INVALID for a module of formats that cannot be loaded
 */
export async function openParser(options: OpenParserOptions = {}): Promise<DocumentParser> {
  const modules = (options.formats ?? []).map((path) => moduleUrl(path, options.workingDirectory ?? process.cwd()));
  return createDocumentParser({
    clock: systemClock,
    formats: await loadFormatModules(modules),
    formatModules: modules,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
  });
}

function moduleUrl(path: string, workingDirectory: string): string {
  return path.startsWith('file:') ? path : pathToFileURL(resolve(workingDirectory, path)).href;
}
