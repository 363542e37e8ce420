import { createHash } from 'node:crypto';
import path from 'node:path';
import { type HandedSource, type JudgedQuestion, readJudgedQuestions, sample } from '../../src/index.ts';
import type { QualitySettings } from './quality-scenario.ts';

const paragraphsOfArticle = 5;

export function passageId(context: string): string {
  return `passage-${createHash('sha256').update(context).digest('hex').slice(0, 16)}`;
}

/** The paragraphs of a file of questions as sources, each with its id as metadata to be held to. */
export function passagesOf(questions: readonly JudgedQuestion[]): HandedSource[] {
  return contextsOf(questions).map((text) => ({
    id: passageId(text),
    text,
    contentType: 'text/plain',
    metadata: { passage: passageId(text) },
  }));
}

function contextsOf(questions: readonly JudgedQuestion[]): string[] {
  return [...new Set(questions.flatMap(({ context }) => context ?? []))];
}

export async function readXquad(settings: QualitySettings, language: 'en' | 'de' | 'zh'): Promise<JudgedQuestion[]> {
  return readJudgedQuestions(path.join(settings.data, 'qa-xquad', `xquad.${language}.json`), 'allow');
}

/**
 * Questions of XQuAD for measuring answers, split by paragraph: no paragraph that verification was fitted on is reported. Paragraph p of
 * article a is of `dev` where the first byte of sha256("pa-p") is even (docs/decisions/0007-verification.md), of `report` otherwise.
 */
export function choosePairs(
  all: readonly JudgedQuestion[],
  { split, limit, seed }: Pick<QualitySettings, 'split' | 'limit' | 'seed'>,
  most: number,
): readonly JudgedQuestion[] {
  const splits = new Map(contextsOf(all).map((context, index) => [context, splitOfParagraph(index)]));
  const own = split === 'all' ? all : all.filter(({ context }) => splits.get(context ?? '') === split);
  return sample(own, Math.min(limit ?? Infinity, most), seed);
}

function splitOfParagraph(index: number): 'dev' | 'report' {
  const key = `p${Math.floor(index / paragraphsOfArticle)}-${index % paragraphsOfArticle}`;
  return (createHash('sha256').update(key).digest()[0] ?? 0) % 2 === 0 ? 'dev' : 'report';
}

/**
 * The questions over a paragraph of another article, where nothing answers them; where it goes, one that other questions are about, so that
 * the model has read it.
 */
export function overWrongParagraphs(
  questions: readonly JudgedQuestion[],
  chosen: readonly JudgedQuestion[],
  all: readonly JudgedQuestion[],
): JudgedQuestion[] {
  const articles = new Map(contextsOf(all).map((context, index) => [context, Math.floor(index / paragraphsOfArticle)]));
  const near = contextsOf(chosen);
  return questions.map((question) => {
    const own = question.context ?? '';
    const start = near.indexOf(own) + Math.floor(near.length / 2);
    const others = [...near.slice(start), ...near.slice(0, start), ...near, ...articles.keys()];
    const context = others.find((one) => articles.get(one) !== articles.get(own));
    if (context === undefined) throw new Error('There is one article only: no paragraph is a wrong one.');
    return { ...question, id: `${question.id}/wrong/${passageId(context)}`, context, expected: [], unanswerable: true };
  });
}
