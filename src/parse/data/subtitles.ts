import type { FormatParser } from '../../spec/parser.ts';
import { decodeText } from '../decode-text.ts';
import { createDocumentBuilder } from '../document-builder.ts';

const timing = /^\s*(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{3}\s+-->\s/;

/** WebVTT and SubRip: what is said, with its speaker, a paragraph for each cue; numbers, times and notes are left out. */
export const parseSubtitles: FormatParser['parse'] = (bytes, { encoding = 'utf-8' }) => {
  const builder = createDocumentBuilder();
  let speaker = '';
  let said: string[] = [];
  function flush(): void {
    const text = said.join(' ').replace(/\s+/g, ' ').trim();
    if (text !== '') builder.add('paragraph', speaker === '' ? text : `${speaker}: ${text}`, { close: true });
    said = [];
  }
  for (const cue of decodeText(bytes, encoding)
    .replace(/\r\n?/g, '\n')
    .split(/\n[^\S\n]*\n/)) {
    const lines = cue.split('\n');
    const start = lines.findIndex((line) => timing.test(line));
    if (start === -1) continue;
    const text = lines.slice(start + 1).join(' ');
    const voice = /<v(?:\.[\w.-]+)?\s([^<>]+)>/.exec(text)?.[1]?.trim();
    if (voice !== undefined && voice !== speaker) {
      flush();
      speaker = voice;
    }
    said.push(text.replace(/<[^<>]*>/g, ''));
    // A sentence that goes on is one paragraph.
    if (/[.!?…]["”’)]?\s*$/.test(text) || said.length >= 20) flush();
  }
  flush();
  return Promise.resolve({ ...builder.build(), warnings: [] });
};
