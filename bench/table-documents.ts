import type { Tokenizer } from '../src/index.ts';
import { readQuestionSet } from './question-set.ts';
import { seededNumbers } from './workload.ts';

export interface TableDocument {
  readonly id: string;
  readonly text: string;
}

const names = ['Orla Finch', 'Pim Hartog', 'Sena Ruiz', 'Ivo Lang', 'Mara Quist', 'Tove Brandt', 'Emil Sorge', 'Nadia Koch'];
const materials = ['granite', 'oak', 'steel', 'brick', 'larch', 'concrete', 'sandstone', 'copper'];
const places = ['Aldern', 'Brook End', 'Corrie', 'Dunmoor', 'Eastwell', 'Farrow', 'Gorse Hill', 'Hallow'];

/** Asked of every document; the answers stand in those made from a seed, and in few of the others. */
export const tableQuestions = [
  'In which year was it opened?',
  'Who was the first keeper?',
  'How high is it above the sea?',
  'What is it built of?',
  'How many people work there?',
  'What does a ticket cost?',
  'Which place is nearest?',
  'When was it last repaired?',
  'How long is the path to it?',
  'What is it known for?',
];

/** Questions of at most 40 tokens with short answers, for one document. */
export const noteQuestions = [
  ...tableQuestions,
  'What is its name?',
  'Who wrote the report?',
  'How many steps does it have?',
  'Which colour are its doors?',
  'When does it close in winter?',
  'Who owns it?',
  'How many visitors came last year?',
  'What was it called before?',
  'Where is its archive?',
  'What is forbidden there?',
];

/** Reports about stations that do not exist, of lengths evenly from `from` to `to` tokens. Another seed, other documents, equally long. */
export async function seededDocuments(
  tokenizer: Tokenizer,
  options: { readonly count: number; readonly from: number; readonly to: number; readonly seed: number },
): Promise<TableDocument[]> {
  const next = seededNumbers(options.seed);
  const documents: TableDocument[] = [];
  for (let number = 1; number <= options.count; number += 1) {
    const wanted = options.from + Math.round(((number - 0.5) / options.count) * (options.to - options.from));
    const id = `station-${options.seed}-${number}`;
    documents.push({ id, text: await ofLength(tokenizer, wanted, reportLines(next, id)) });
  }
  return documents;
}

/** Neighbouring paragraphs of a set of articles, put together until they have `from` tokens. */
export async function articleDocuments(
  tokenizer: Tokenizer,
  options: { readonly data: string; readonly count: number; readonly from: number; readonly to: number; readonly run: number },
): Promise<TableDocument[]> {
  const { documents } = await readQuestionSet('xquad', options.data);
  const made: TableDocument[] = [];
  let text = '';
  for (const paragraph of documents) {
    text = text === '' ? paragraph.text : `${text}\n\n${paragraph.text}`;
    const [tokens = 0] = await tokenizer.countTokens([text]);
    if (tokens < options.from) continue;
    if (tokens <= options.to) made.push({ id: `article-${options.run}-${made.length + 1}`, text: `Copy ${options.run}.\n${text}` });
    text = '';
  }
  const first = ((options.run + 1) * options.count) % Math.max(1, made.length);
  return Array.from({ length: options.count }, (_, index) => made[(first + index) % made.length]!);
}

function* reportLines(next: () => number, id: string): Generator<string> {
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(next() * list.length)]!;
  const number = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  yield `Report on ${id} near ${pick(places)}, written by ${pick(names)}.`;
  yield `It was opened in ${number(1850, 1990)} and is ${number(120, 2_400)} m above the sea.`;
  yield `Its first keeper was ${pick(names)}. It is built of ${pick(materials)}, and ${number(3, 60)} people work there.`;
  yield `A ticket costs ${number(2, 40)} crowns. It was last repaired in ${number(1995, 2030)}; the path to it is ${number(200, 4_000)} m long.`;
  yield `It is known for its ${pick(materials)} stairs and the view over ${pick(places)}.`;
  for (;;) {
    yield `In ${number(1900, 2030)} ${pick(names)} counted ${number(10, 900)} visitors from ${pick(places)}, and the ${pick(materials)} roof was mended for ${number(100, 9_000)} crowns.`;
  }
}

/** Whole lines while they fit. */
async function ofLength(tokenizer: Tokenizer, tokens: number, lines: Generator<string>): Promise<string> {
  let text = '';
  for (const line of lines) {
    const longer = text === '' ? line : `${text}\n${line}`;
    const [count = 0] = await tokenizer.countTokens([longer]);
    if (count > tokens && text !== '') return text;
    text = longer;
  }
  return text;
}
