import type { FormatParser } from '../../spec/parser.ts';
import { createFormatParsers } from '../formats.ts';
import { serveParsers } from './serve.ts';

// Ctrl-C reaches every process of the terminal: the parent decides what ends, and a document in work is not taken for one that crashes.
process.on('SIGINT', () => undefined);

await serveParsers(createFormatParsers(await ownFormats(process.argv.slice(2))));

async function ownFormats(modules: readonly string[]): Promise<readonly FormatParser[]> {
  return modules.length === 0 ? [] : (await import('../format-modules.ts')).loadFormatModules(modules);
}
