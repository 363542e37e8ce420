import type { SettledQuestion } from '../spec/runs.ts';
import { overlapF1 } from './answer-text.ts';
import { mean, quantile } from './statistics.ts';

/** What the pipelines of a run made of one question; an item that is not settled is null. */
export interface ComparedQuestion {
  readonly index: number;
  readonly id: string | null;
  readonly question: string;
  /** True where every pipeline settled with the same answer, apart from case, punctuation and markers; null where one has none. */
  readonly agree: boolean | null;
  readonly answers: Readonly<Record<string, SettledQuestion | null>>;
}

export interface PipelineFigures {
  readonly name: string;
  readonly done: number;
  readonly failed: number;
  readonly expired: number;
  readonly abstained: number;
  /** Of the done ones, ms. */
  readonly medianMs: number;
  readonly p95Ms: number;
  /** Prompt tokens that were computed, those that were reused, and tokens that were written. */
  readonly computedTokens: number;
  readonly reusedTokens: number;
  readonly writtenTokens: number;
}

/** How often two pipelines say the same, over the questions that both answered. */
export interface PipelineAgreement {
  readonly pipelines: readonly [string, string];
  readonly questions: number;
  /** Share of equal answers, 0 … 1. */
  readonly equal: number;
  /** Mean overlap of the words of the two answers (F1), 0 … 1. */
  readonly overlap: number;
}

export interface PipelineComparison {
  readonly questions: number;
  readonly pipelines: readonly PipelineFigures[];
  readonly agreement: readonly PipelineAgreement[];
}

/** Compares pipelines question by question: one number is kept for each item, no text. */
export function createComparison(names: readonly string[]): {
  /** Takes the items of one question, each of another pipeline. */
  add(items: readonly SettledQuestion[]): ComparedQuestion;
  summary(): PipelineComparison;
} {
  const figures = names.map((name) => ({
    name,
    done: 0,
    failed: 0,
    expired: 0,
    abstained: 0,
    computedTokens: 0,
    reusedTokens: 0,
    writtenTokens: 0,
  }));
  const elapsed: number[][] = names.map(() => []);
  const pairs = names.flatMap((name, first) =>
    names.slice(first + 1).map((other) => ({ pipelines: [name, other] as const, equal: 0, questions: 0, overlaps: [] as number[] })),
  );
  let questions = 0;

  function count(number: number, item: SettledQuestion): void {
    const figure = figures[number];
    if (figure === undefined) return;
    if (item.status === 'done') figure.done += 1;
    else if (item.status === 'expired') figure.expired += 1;
    else figure.failed += 1;
    if (item.abstained) figure.abstained += 1;
    if (item.timings !== null) elapsed[number]?.push(item.timings.totalMs);
    figure.computedTokens += (item.usage?.promptTokens ?? 0) - (item.usage?.cachedTokens ?? 0);
    figure.reusedTokens += item.usage?.cachedTokens ?? 0;
    figure.writtenTokens += item.usage?.outputTokens ?? 0;
  }

  return {
    add(items) {
      questions += 1;
      const [first] = items;
      const byName = new Map(items.map((item) => [item.pipeline?.name ?? '', item]));
      const said = new Map([...byName].flatMap(([name, item]) => (item.status === 'done' ? [[name, wordsOf(item)] as const] : [])));
      for (const [number, name] of names.entries()) {
        const item = byName.get(name);
        if (item !== undefined) count(number, item);
      }
      for (const pair of pairs) {
        const [one, other] = pair.pipelines.map((name) => said.get(name));
        if (one === undefined || other === undefined) continue;
        pair.questions += 1;
        pair.equal += Number(one.join(' ') === other.join(' '));
        pair.overlaps.push(overlapF1(one, other));
      }
      return {
        index: first?.index ?? 0,
        id: first?.id ?? null,
        question: first?.question ?? '',
        agree: said.size < names.length ? null : new Set([...said.values()].map((words) => words.join(' '))).size === 1,
        answers: Object.fromEntries(names.map((name) => [name, byName.get(name) ?? null])),
      };
    },
    summary: () => ({
      questions,
      pipelines: figures.map((figure, number) => ({
        ...figure,
        medianMs: quantile(elapsed[number] ?? [], 0.5),
        p95Ms: quantile(elapsed[number] ?? [], 0.95),
      })),
      agreement: pairs.map(({ pipelines, questions: both, equal, overlaps }) => ({
        pipelines,
        questions: both,
        equal: both === 0 ? 0 : equal / both,
        overlap: mean(overlaps),
      })),
    }),
  };
}

/** The words of an answer in order, without case, punctuation and markers; an abstention is one word that no answer has. */
function wordsOf({ answer, abstained }: SettledQuestion): readonly string[] {
  if (abstained) return ['∅'];
  return (
    (answer ?? '')
      .replaceAll(/\[\d+\]/g, ' ')
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+(?:[.,:]\p{N}+)*/gu) ?? []
  );
}
