import path from 'node:path';
import {
  type AskOptions,
  comparePaired,
  evaluateAnswers,
  givenOf,
  type Interval,
  type JudgedAnswer,
  type JudgedFile,
  type JudgedQuestion,
  measureOfShare,
  type Mill,
  readJudgedQuestions,
  sample,
  summariseAnswers,
  type SummaryShare,
} from '../../src/index.ts';
import { askPlainly } from './plain-prompt.ts';
import type { Figure, MeasureQuality, QualitySettings } from './quality-scenario.ts';
import { keptAnswers, openCorpus } from './work-folder.ts';
import { choosePairs, overWrongParagraphs, passageId, passagesOf, readXquad } from './xquad.ts';

/** Room for three whole paragraphs, whatever the default of the machine. */
const reading = { contextTokens: 1_024, limit: 3 } as const;

type OptionsOf = (question: JudgedQuestion) => AskOptions | Promise<AskOptions>;

/** Asks and judges; answers of a run that was stopped are taken from its file. */
export async function askAll(
  mill: Mill,
  name: string,
  questions: readonly JudgedQuestion[],
  settings: QualitySettings,
  optionsOf: OptionsOf,
): Promise<JudgedAnswer[]> {
  const { verify, contextMode } = settings;
  const pipeline = { verify: { by: verify }, context: { mode: contextMode } };
  const kept = await keptAnswers(settings, name, 'pipeline', {
    ...reading,
    ...(verify === 'rules' ? {} : { verify }),
    ...(contextMode === 'each' ? {} : { contextMode }),
  });
  return judgeAll(name, questions, settings, kept, async (question, signal) =>
    givenOf(await mill.ask(question.question, { class: 'batch', pipeline, ...(await optionsOf(question)), signal }).result()),
  );
}

export async function judgeAll(
  name: string,
  questions: readonly JudgedQuestion[],
  settings: QualitySettings,
  kept: JudgedFile,
  ask: Parameters<typeof evaluateAnswers>[1],
): Promise<JudgedAnswer[]> {
  try {
    const open = questions.filter((question) => kept.get(question) === undefined);
    const started = performance.now();
    const judged = await evaluateAnswers(open, ask, {
      concurrency: settings.concurrency,
      signal: settings.signal,
      async onJudged(one, done, total, question) {
        await kept.add(one, question);
        const leftMinutes = (((performance.now() - started) / done) * (total - done)) / 60_000;
        settings.progress(`${name}: ${done} of ${total} questions, about ${Math.ceil(leftMinutes)} min left`);
      },
    });
    const fresh = judged.values();
    return questions.flatMap((question) => kept.get(question) ?? fresh.next().value ?? []);
  } finally {
    await kept.close();
  }
}

/** The paragraph of each question, or one of another article, is given alone. */
function held(question: JudgedQuestion): AskOptions {
  return { ...reading, filter: { passage: passageId(question.context ?? '') }, mode: 'vector' };
}

/** Answerable questions and, of those over a wrong paragraph, half as many. */
const mostQuestions = 300;

interface Chosen {
  readonly all: readonly JudgedQuestion[];
  readonly questions: readonly JudgedQuestion[];
  /** Questions about one paragraph stand or fall together: intervals draw them together. */
  readonly groupOf: (id: string) => string;
}

/** The same questions in every scenario, so that what was read in one is used again in the next. */
async function chooseXquad(settings: QualitySettings): Promise<Chosen> {
  const all = await readXquad(settings, 'en');
  const groups = new Map(all.map(({ id, context }) => [id, passageId(context ?? '')]));
  return { all, questions: choosePairs(all, settings, mostQuestions), groupOf: (id) => groups.get(id.split('/')[0] ?? '') ?? id };
}

/** XQuAD en with the paragraph given: F1 against plain prompts, refusals over wrong paragraphs. */
export const goldParagraph: MeasureQuality = async (settings) => {
  const { all, questions: right, groupOf } = await chooseXquad(settings);
  const wrong = overWrongParagraphs(sample(right, Math.ceil(right.length / 2), settings.seed + 1), right, all);
  const questions = [...right, ...wrong];
  const mill = await openCorpus(settings, 'xquad-en', passagesOf(all));
  let ours: JudgedAnswer[];
  try {
    ours = await askAll(mill, 'gold', questions, settings, held);
  } finally {
    await mill.close();
  }
  const figures = [
    ...shares(ours, settings.seed, { f1: '', f1Overall: '', em: '', containsGold: '' }, { groupOf }),
    ...shares(ours, settings.seed, { abstentionRecall: '≥ .90', falseRefusals: '≤ .05' }, { groupOf }),
    ...shares(ours, settings.seed, { citationsHoldKey: '≥ .95', quotesVerbatim: '1' }),
  ];
  for (const baseline of settings.baselines) {
    const plain = await askPlainly(baseline, questions, settings);
    const gains = comparePaired(plain, ours, settings.seed, groupOf);
    const prefix = `${baseline} prompt: `;
    const told = { f1: '', f1Overall: '', containsGold: '', abstentionRecall: '', falseRefusals: '' };
    figures.push(...shares(plain, settings.seed, told, { prefix, groupOf }));
    for (const measure of ['f1', 'f1Overall']) {
      const gain = gains[measure];
      if (gain !== undefined)
        figures.push({ name: `${prefix}${measure} gained`, value: gain.mean, ...gain, aim: '≥ .05, interval above 0' });
    }
  }
  return {
    title: `XQuAD en, gold paragraph given: ${right.length} questions with an answer, ${wrong.length} over a wrong paragraph`,
    split: settings.split,
    figures: [...figures, ...latency(ours, settings.seed)],
  };
};

/**
 * The question's own three best paragraphs without the one that holds the answer: the same topic, no answer. And with it, in the place of
 * the third, for false refusals.
 */
export const hardNegatives: MeasureQuality = async (settings) => {
  const { all, questions, groupOf } = await chooseXquad(settings);
  const chosen = sample(questions, Math.ceil(questions.length / 2), settings.seed + 2);
  const mill = await openCorpus(settings, 'xquad-en', passagesOf(all));
  try {
    const near = async (question: JudgedQuestion): Promise<string[]> => {
      const { hits } = await mill.search(question.question, { limit: 40, feedback: false, signal: settings.signal });
      const own = passageId(question.context ?? '');
      return [...new Set(hits.map(({ source }) => source))].filter((source) => source !== own).slice(0, 3);
    };
    const without = chosen.map((question) => ({ ...question, id: `${question.id}/hard`, expected: [], unanswerable: true }));
    const among = (passages: readonly string[]): AskOptions => ({ ...reading, filter: { passage: { in: [...passages] } } });
    const refused = await askAll(mill, 'hard-negatives', without, settings, async (question) => among(await near(question)));
    const answered = await askAll(mill, 'gold-among-three', chosen, settings, async (question) =>
      among([passageId(question.context ?? ''), ...(await near(question)).slice(0, 2)]),
    );
    const judged = [...refused, ...answered];
    return {
      title: `XQuAD en, hard negatives: ${without.length} questions over their best three paragraphs without the right one, ${chosen.length} with it`,
      split: settings.split,
      figures: shares(judged, settings.seed, { abstentionRecall: '≥ .75', falseRefusals: '≤ .05', f1: '', containsGold: '' }, { groupOf }),
    };
  } finally {
    await mill.close();
  }
};

/** XQuAD en over all paragraphs, found by ourselves. */
export const endToEnd: MeasureQuality = async (settings) => {
  const { all, questions, groupOf } = await chooseXquad(settings);
  const mill = await openCorpus(settings, 'xquad-en', passagesOf(all));
  try {
    const pooled = questions.map((question) => ({ ...question, sources: [passageId(question.context ?? '')] }));
    const found = await askAll(mill, 'end-to-end', pooled, settings, () => reading);
    const given = await askAll(mill, 'gold', questions, settings, held);
    const f1 = (judged: readonly JudgedAnswer[]): number => summariseAnswers(judged, settings.seed).shares.f1.value ?? 0;
    return {
      title: `XQuAD en, end to end over ${passagesOf(all).length} paragraphs: ${questions.length} questions`,
      split: settings.split,
      figures: [
        ...shares(found, settings.seed, { f1: '' }, { groupOf }),
        ...shares(given, settings.seed, { f1: '' }, { prefix: 'gold paragraph: ', groupOf }),
        {
          name: 'f1, share of the gold paragraph',
          value: f1(given) === 0 ? null : f1(found) / f1(given),
          n: questions.length,
          aim: '≥ .9',
        },
        ...shares(found, settings.seed, { containsGold: '', falseRefusals: '' }, { groupOf }),
        ...shares(found, settings.seed, {
          citationPrecision: '',
          citationRecall: '',
          citationsHoldKey: '≥ .95',
          quotesVerbatim: '1',
        }),
        ...latency(found, settings.seed),
      ],
    };
  } finally {
    await mill.close();
  }
};

/** The twenty questions of the examples. */
export const exampleQuestions: MeasureQuality = async (settings) => {
  const examples = path.join(import.meta.dirname, '../../examples');
  const questions = sample(await readJudgedQuestions(path.join(examples, 'questions.jsonl'), 'allow'), settings.limit, settings.seed);
  const mill = await openCorpus(settings, 'examples', [path.join(examples, 'documents')]);
  try {
    const judged = await askAll(mill, 'examples', questions, settings, () => ({}));
    const right = (unanswerable: boolean): Figure => {
      const own = judged.filter((one) => one.unanswerable === unanswerable);
      const count = own.filter(({ measures }) => measures.right === 1).length;
      return {
        name: unanswerable ? 'refused, questions' : 'right, questions',
        value: count,
        n: own.length,
        aim: unanswerable ? '≥ 4 of 5' : '≥ 12 of 15',
      };
    };
    return {
      title: `The questions of the examples: ${questions.length}`,
      split: 'all',
      figures: [
        right(false),
        right(true),
        ...shares(judged, settings.seed, {
          falseRefusals: '',
          citationPrecision: '',
          citationRecall: '',
          citationsHoldKey: '',
          quotesVerbatim: '1',
        }),
        ...latency(judged, settings.seed),
      ],
    };
  } finally {
    await mill.close();
  }
};

export function interval(name: string, judged: readonly JudgedAnswer[], measure: 'f1' | 'right', seed: number, aim?: string): Figure {
  const { mean, low, high, n }: Interval = summariseAnswers(judged, seed).intervals[measure];
  return { name, value: n === 0 ? null : mean, low, high, n, ...(aim === undefined ? {} : { aim }) };
}

/** The named shares with what they should reach (empty: reported only), means over questions with their intervals. */
export function shares(
  judged: readonly JudgedAnswer[],
  seed: number,
  aims: Partial<Record<SummaryShare, string>>,
  { prefix = '', groupOf }: { readonly prefix?: string; readonly groupOf?: (id: string) => string } = {},
): Figure[] {
  const summary = summariseAnswers(judged, seed, groupOf);
  return (Object.keys(aims) as SummaryShare[]).map((name) => {
    const measure = measureOfShare[name];
    const { value, n } = summary.shares[name];
    const { low, high } = measure === undefined || n === 0 ? {} : summary.intervals[measure];
    const aim = aims[name] ?? '';
    return {
      name: `${prefix}${name}`,
      value,
      n,
      ...(low === undefined || high === undefined ? {} : { low, high }),
      ...(aim === '' ? {} : { aim }),
    };
  });
}

export function latency(judged: readonly JudgedAnswer[], seed: number): Figure[] {
  const { latencyMs } = summariseAnswers(judged, seed);
  const { p50, p95, n } = latencyMs;
  return [
    { name: 'latency p50', value: p50, n, unit: 'ms' },
    { name: 'latency p95', value: p95, n, unit: 'ms' },
  ];
}
