import { loadFormatModules } from '../format-modules.ts';
import { createFormatParsers } from '../formats.ts';
import { serveParsers } from './serve.ts';

// Ctrl-C reaches every process of the terminal: the parent decides what ends, and a document in work is not taken for one that crashes.
process.on('SIGINT', () => undefined);

await serveParsers(createFormatParsers(await loadFormatModules(process.argv.slice(2))));
