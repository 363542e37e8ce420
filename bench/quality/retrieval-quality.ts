import path from 'node:path';
import {
  bootstrapMean,
  comparePaired,
  evaluateRetrieval,
  type JudgedQuery,
  type JudgedQuestion,
  type Mill,
  type RankingMeasure,
  rankingMeasures,
  readBeirFolder,
  type RetrievalEvaluation,
  sample,
  splitOf,
} from '../../src/index.ts';
import type { Figure, MeasureQuality, QualitySettings } from './quality-scenario.ts';
import { openCorpus } from './work-folder.ts';
import { passageId, passagesOf, readXquad } from './xquad.ts';

const modes = ['hybrid', 'text', 'vector'] as const;
type Mode = (typeof modes)[number];

/** Passages of a ranking: for MAP and recall@100, and as a search gives them (its own depth), for what is first. */
const depth = 1_000;
const searchedPassages = 50;

/** Ranks documents for every query in each mode. */
export async function measureModes(
  mill: Mill,
  queries: readonly JudgedQuery[],
  settings: QualitySettings,
  name: string,
): Promise<Record<Mode, RetrievalEvaluation>> {
  const measured: Partial<Record<Mode, RetrievalEvaluation>> = {};
  for (const mode of modes) measured[mode] = await measureMode(mill, queries, settings, { name, mode, limit: depth });
  return measured as Record<Mode, RetrievalEvaluation>;
}

async function measureMode(
  mill: Mill,
  queries: readonly JudgedQuery[],
  settings: QualitySettings,
  { name, mode, limit }: { readonly name: string; readonly mode: Mode; readonly limit: number },
): Promise<RetrievalEvaluation> {
  await mill.search('warm', { mode, limit: 1 });
  return evaluateRetrieval(
    queries,
    async (query, signal) => (await mill.search(query, { mode, limit, signal })).hits.map(({ source }) => source),
    {
      concurrency: settings.concurrency,
      signal: settings.signal,
      now: () => performance.now(),
      onMeasured: (done, total) => settings.progress(`${name}, ${mode}, ${limit} deep: ${done} of ${total} queries`),
    },
  );
}

/** The measures of what is first are those of a search as it comes; the others need a longer ranking. */
const ofFirst: ReadonlySet<RankingMeasure> = new Set(['ndcg@10', 'recall@5', 'recall@10', 'mrr@10']);

export function figure(name: string, evaluation: RetrievalEvaluation, measure: RankingMeasure, seed: number, aim?: string): Figure {
  const values = evaluation.queries.map(({ measures }) => measures[measure]);
  const { mean, low, high, n } = bootstrapMean(values, { seed });
  return { name, value: mean, low, high, n, ...(aim === undefined ? {} : { aim }) };
}

/** A data set in the layout of BEIR: hybrid search, each part alone, and the gain over the better one. */
export function beirQuality(folder: string, aims: Partial<Record<RankingMeasure | 'gain', string>>): MeasureQuality {
  return async (settings) => {
    const data = await readBeirFolder(path.join(settings.data, folder));
    const queries = sample(data.queries, settings.limit, settings.seed);
    const mill = await openCorpus(settings, folder, data.corpus());
    try {
      const searched = await measureMode(mill, queries, settings, { name: folder, mode: 'hybrid', limit: searchedPassages });
      const { hybrid, text, vector } = await measureModes(mill, queries, settings, folder);
      const better = text.measures['ndcg@10'] >= vector.measures['ndcg@10'] ? ('text' as const) : ('vector' as const);
      const { 'ndcg@10': gain } = comparePaired((better === 'text' ? text : vector).queries, searched.queries, settings.seed);
      return {
        title: `${folder}: ${queries.length} queries, what is first as a search gives it, the rest ${depth} passages deep; the split "test" of the data set, on which designs were compared here`,
        split: 'all',
        figures: [
          ...rankingMeasures.map((measure) =>
            figure(`hybrid ${measure}`, ofFirst.has(measure) ? searched : hybrid, measure, settings.seed, aims[measure]),
          ),
          figure('text ndcg@10', text, 'ndcg@10', settings.seed),
          figure('text map', text, 'map', settings.seed),
          figure('vector ndcg@10', vector, 'ndcg@10', settings.seed),
          figure('vector map', vector, 'map', settings.seed),
          ...(gain === undefined
            ? []
            : [{ name: `gain over ${better} ndcg@10`, value: gain.mean, ...gain, ...(aims.gain === undefined ? {} : { aim: aims.gain }) }]),
          { name: 'hybrid queries', value: searched.queriesPerSecond, n: queries.length, unit: '/s' },
        ],
      };
    } finally {
      await mill.close();
    }
  };
}

/** Those of the split, of them a sample. */
export function chooseQuestions(questions: readonly JudgedQuestion[], settings: QualitySettings): readonly JudgedQuestion[] {
  const own = settings.split === 'all' ? questions : questions.filter(({ id }) => splitOf(id) === settings.split);
  return sample(own, settings.limit, settings.seed);
}

/** Whether the paragraph of each XQuAD question is found among all paragraphs of its language. */
export function xquadRecall(language: 'en' | 'de' | 'zh'): MeasureQuality {
  return async (settings) => {
    const all = await readXquad(settings, language);
    const passages = passagesOf(all);
    const mill = await openCorpus(settings, `xquad-${language}`, passages);
    try {
      const queries = chooseQuestions(all, settings).map(({ id, question, context }) => ({
        id,
        text: question,
        judgements: new Map([[passageId(context ?? ''), 1]]),
      }));
      const { hybrid, text, vector } = await measureModes(mill, queries, settings, `xquad-${language}`);
      const { 'recall@5': gain } = comparePaired(text.queries, hybrid.queries, settings.seed);
      return {
        title: `XQuAD ${language}: the paragraph of a question among ${passages.length}`,
        split: settings.split,
        figures: [
          figure('hybrid recall@5', hybrid, 'recall@5', settings.seed, '≥ .90'),
          figure('text recall@5', text, 'recall@5', settings.seed),
          figure('vector recall@5', vector, 'recall@5', settings.seed),
          figure('hybrid mrr@10', hybrid, 'mrr@10', settings.seed),
          ...(gain === undefined ? [] : [{ name: 'gain over text recall@5', value: gain.mean, ...gain, aim: '≥ 0' }]),
        ],
      };
    } finally {
      await mill.close();
    }
  };
}
