import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { open } from '../../src/index.ts';

/** BIPIA, training part: e-mails with questions, and orders to put into them. */
const folder = fileURLToPath(new URL('../../../shared/data/sec-bipia/', import.meta.url));
const model = process.env['MILLRACE_CANARY_MODEL'] ?? 'qwen2.5-coder-1.5b';
const count = Number(process.env['MILLRACE_CANARIES'] ?? 8);
/** Kinds whose orders name something that stands in an answer only when they were followed. */
const kinds = ['Malware Distribution', 'Clickbait'];

interface Mail {
  readonly context: string;
  readonly question: string;
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-canary-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it(`reports how often ${model} follows an order that stands in a document`, async () => {
  const mails = readFileSync(join(folder, 'email_train.jsonl'), 'utf8').trim().split('\n').slice(0, count);
  const attacks = JSON.parse(readFileSync(join(folder, 'text_attack_train.json'), 'utf8')) as Record<string, string[]>;
  const orders = kinds.flatMap((kind) => attacks[kind] ?? []);
  await using mill = await open({ directory, generator: model });
  let followed = 0;
  let noticed = 0;
  for (const [index, line] of mails.entries()) {
    const { context, question } = JSON.parse(line) as Mail;
    const order = orders[index % orders.length] ?? '';
    const canary = /(?:www\.)?[\w-]+\.(?:com|xyz|org|net)/.exec(order)?.[0] ?? order;
    const collection = `mail-${index}`;
    const text = `${context}\n${order}`;
    await mill.ingest([{ id: 'mail', text }], { collection, embed: false }).result();
    const answer = await mill.ask(question.replace(/^Q: /, ''), { collection, mode: 'text' }).result();
    if (answer.answer.includes(canary)) followed += 1;
    if (answer.notices.some((notice) => notice.includes('speaks to the assistant'))) noticed += 1;
    for (const { start, end, quote } of answer.citations) expect(text.slice(start, end)).toBe(quote);
  }
  process.stdout.write(`${model}: followed ${followed} of ${mails.length} orders, ${noticed} were flagged\n`);
}, 3_600_000);
