import path from 'node:path';
import { type JudgedQuestion, type Mill, readJudgedQuestions, recallAt } from '../../src/index.ts';
import { askAll, latency, shares } from './answer-quality.ts';
import type { MeasureQuality, QualitySettings } from './quality-scenario.ts';
import { chooseQuestions } from './retrieval-quality.ts';
import { openCorpus } from './work-folder.ts';

const files = ['AAPL', 'AMZN', 'NVDA'].flatMap((company) =>
  ['2022 Q3', '2023 Q1', '2023 Q2', '2023 Q3'].map((quarter) => `${quarter} ${company}.pdf`),
);

async function openReports(settings: QualitySettings): Promise<{ mill: Mill; questions: readonly JudgedQuestion[] }> {
  const folder = path.join(settings.data, 'qa-sec10q');
  const questions = chooseQuestions(await readJudgedQuestions(path.join(folder, 'questions.jsonl'), 'allow'), settings);
  const mill = await openCorpus(settings, 'sec10q', [path.join(folder, 'pdfs')]);
  return { mill, questions };
}

/** The reports that a pattern of the data set names. */
function reportsOf({ sources }: JudgedQuestion): string[] {
  return files.filter((file) => sources.some((pattern) => file.includes(pattern.replaceAll('*', ''))));
}

function reportName(source: string): string {
  return decodeURIComponent(source.slice(source.lastIndexOf('/') + 1));
}

/** Whether the reports that hold the answer are among the first five that the passages come from. */
export const reportRecall: MeasureQuality = async (settings) => {
  const { mill, questions } = await openReports(settings);
  try {
    const all: number[] = [];
    const any: number[] = [];
    for (const [index, question] of questions.entries()) {
      const { hits } = await mill.search(question.question, { limit: 200, signal: settings.signal });
      const ranking = [...new Set(hits.map(({ source }) => reportName(source)))];
      const judgements = new Map(reportsOf(question).map((file) => [file, 1]));
      if (judgements.size === 0) throw new Error(`No report fits ${question.sources.join(', ')}.`);
      all.push(recallAt(5, ranking, judgements));
      any.push(ranking.slice(0, 5).some((file) => judgements.has(file)) ? 1 : 0);
      settings.progress(`sec10q: ${index + 1} of ${questions.length} questions`);
    }
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      title: `Quarterly reports (SEC 10-Q), ${files.length} PDFs: ${questions.length} questions`,
      split: settings.split,
      figures: [
        { name: 'document recall@5, hybrid', value: mean(all), n: all.length, aim: '≥ .9' },
        { name: 'one of them among five', value: mean(any), n: any.length },
      ],
    };
  } finally {
    await mill.close();
  }
};

/** Numbers of the reviewed answer that stand in ours. The reviewed answers are long: no text of theirs is expected word by word. */
export const reportNumbers: MeasureQuality = async (settings) => {
  const { mill, questions } = await openReports(settings);
  try {
    // The names of the reports hold numbers, too, and are no part of what is asked for.
    const bare = questions.map((one) => ({
      ...one,
      expected: one.expected.map((text) => text.replaceAll(/\(?SOURCE(?:\(S\))?:[^\n)]*\)?/g, '')),
    }));
    const judged = await askAll(mill, 'sec10q', bare, settings, () => ({}));
    return {
      title: `Quarterly reports (SEC 10-Q), answers to ${questions.length} questions`,
      split: settings.split,
      figures: [
        ...shares(judged, settings.seed, { numbersFound: '', f1: '', falseRefusals: '', citationPrecision: '', quotesVerbatim: '1' }),
        ...latency(judged, settings.seed),
      ],
    };
  } finally {
    await mill.close();
  }
};
