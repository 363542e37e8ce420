import { createReadStream, createWriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';

export const largeFormats = ['txt', 'md', 'csv', 'jsonl', 'words'] as const;
export type LargeFormat = (typeof largeFormats)[number];

interface SourceText {
  readonly id: string;
  readonly text: string;
}

/** What one text becomes in a file; `number` makes each its own. */
const entries: Readonly<Record<LargeFormat, (source: SourceText, number: number) => string>> = {
  txt: ({ text }, number) => `${number} ${text}\n\n`,
  md: ({ text }, number) => `${number % 12 === 0 ? `## Part ${number}\n\n` : ''}${number} *${text.replace('\n\n', '*\n\n')}\n\n`,
  csv: ({ id, text }, number) => `${number},${id},"${text.replaceAll('"', '""').replaceAll('\n', ' ')}"\n`,
  /** Plain text of paragraphs of one word. */
  words: ({ text }, number) => `${number} ${text.replaceAll(/\s+/g, '\n\n')}\n\n`,
  jsonl: ({ id, text }, number) => `${JSON.stringify({ number, id, text: text.slice(0, 500) })}\n`,
};

/** One file of about so many bytes, of the texts over and over. Returns its path. */
export async function writeLargeText(texts: string, folder: string, format: LargeFormat, bytes: number): Promise<string> {
  const file = path.join(folder, `large.${format}`);
  const output = createWriteStream(file);
  let written = 0;
  let number = 0;
  async function write(text: string): Promise<void> {
    written += Buffer.byteLength(text);
    if (!output.write(text)) await once(output, 'drain');
  }
  if (format === 'csv') await write('number,id,text\n');
  while (written < bytes) {
    for await (const line of createInterface({ input: createReadStream(texts) })) {
      if (written >= bytes) break;
      number += 1;
      await write(entries[format](JSON.parse(line) as SourceText, number));
    }
  }
  output.end();
  await once(output, 'close');
  return file;
}
