import type { FormatParser } from '../../spec/parser.ts';
import { createFormatParsers } from '../formats.ts';
import { serveParsers } from './serve.ts';

// Who stops a service signals all its processes: the parent decides what ends, and a document in work is not taken for one that crashes.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

await serveParsers(createFormatParsers(await ownFormats(process.argv.slice(2))));

async function ownFormats(modules: readonly string[]): Promise<readonly FormatParser[]> {
  return modules.length === 0 ? [] : (await import('../format-modules.ts')).loadFormatModules(modules);
}
