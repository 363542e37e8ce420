import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** Texts to ingest, and questions about them. */
export interface QuestionSet {
  readonly documents: readonly { readonly id: string; readonly text: string }[];
  readonly questions: readonly string[];
}

export const questionSetNames = ['scifact', 'xquad'] as const;
export type QuestionSetName = (typeof questionSetNames)[number];

/** @param data a folder that holds `ir-scifact` in the layout of BEIR and `qa-xquad/xquad.en.json` in that of SQuAD */
export function readQuestionSet(name: QuestionSetName, data: string): Promise<QuestionSet> {
  return name === 'scifact' ? readBeir(join(data, 'ir-scifact')) : readSquad(join(data, 'qa-xquad', 'xquad.en.json'));
}

async function readBeir(folder: string): Promise<QuestionSet> {
  const documents: { id: string; text: string }[] = [];
  for await (const line of linesOf(join(folder, 'corpus.jsonl'))) {
    const { _id: id, title, text } = JSON.parse(line) as { readonly _id: string; readonly title: string; readonly text: string };
    documents.push({ id, text: `${title}\n\n${text}` });
  }
  const questions: string[] = [];
  for await (const line of linesOf(join(folder, 'queries.jsonl'))) questions.push((JSON.parse(line) as { readonly text: string }).text);
  return { documents, questions };
}

interface Squad {
  readonly data: readonly {
    readonly paragraphs: readonly { readonly context: string; readonly qas: readonly { readonly question: string }[] }[];
  }[];
}

/** Questions in turns over the paragraphs: neighbours in the list are about different ones. */
async function readSquad(file: string): Promise<QuestionSet> {
  const { data } = JSON.parse(await readFile(file, 'utf8')) as Squad;
  const paragraphs = data.flatMap((article) => article.paragraphs);
  const most = Math.max(...paragraphs.map(({ qas }) => qas.length));
  return {
    documents: paragraphs.map(({ context }, index) => ({ id: `paragraph-${index + 1}`, text: context })),
    questions: Array.from({ length: most }, (_, round) =>
      paragraphs.flatMap(({ qas }) => (qas[round] === undefined ? [] : [qas[round].question])),
    ).flat(),
  };
}

/** Lines of a file, or of the same file with `.gz` behind its name. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const plain = existsSync(file);
  if (!plain && !existsSync(`${file}.gz`)) throw new Error(`There is neither ${file} nor ${file}.gz: name the right folder with --data.`);
  const input = plain ? createReadStream(file) : createReadStream(`${file}.gz`).pipe(createGunzip());
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) if (line !== '') yield line;
}
