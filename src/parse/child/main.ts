import { createFormatParsers } from '../formats.ts';
import { serveParsers } from './serve.ts';

await serveParsers(createFormatParsers());
