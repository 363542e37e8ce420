import type { Split } from '../../src/index.ts';

/** One figure with the number of cases it is of. `aim` is what it should reach, in words. */
export interface Figure {
  readonly name: string;
  readonly value: number | null;
  readonly n: number;
  /** 95 % bootstrap interval. */
  readonly low?: number;
  readonly high?: number;
  readonly aim?: string;
  /** Default: a share or mean with three digits. */
  readonly unit?: 'ms' | '/s';
}

export interface QualityResult {
  readonly name: QualityScenarioName;
  readonly title: string;
  readonly split: Split | 'all';
  readonly figures: readonly Figure[];
  readonly elapsedMs: number;
}

export const baselineNames = ['phrase', 'naive'] as const;
export const contextModes = ['each', 'joined'] as const;
export const verifyNames = ['rules', 'model', 'none'] as const;
export type BaselineName = (typeof baselineNames)[number];

export interface QualitySettings {
  /** Folder with the data sets. */
  readonly data: string;
  /** Where corpora and answers are kept, so that a run that was stopped goes on. */
  readonly work: string;
  readonly model: string;
  readonly embedder: string;
  readonly split: Split | 'all';
  /** Most questions of each kind. */
  readonly limit: number | undefined;
  readonly seed: number;
  readonly concurrency: number;
  readonly chunks: number;
  /** Plain prompts that `gold` is compared with. */
  readonly baselines: readonly BaselineName[];
  /** How our answers are verified. */
  readonly verify: (typeof verifyNames)[number];
  /** Whether several passages are read one after the other or in one prompt. */
  readonly contextMode: (typeof contextModes)[number];
  readonly home?: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export const qualityScenarioNames = [
  'scifact',
  'cacm',
  'cranfield',
  'latency',
  'recall-en',
  'recall-de',
  'recall-zh',
  'sec10q-recall',
  'sec10q-answers',
  'gold',
  'hard-negatives',
  'end-to-end',
  'examples',
  'injection',
] as const;
export type QualityScenarioName = (typeof qualityScenarioNames)[number];

/** Those that load no generator: minutes, not hours. */
export const retrievalScenarioNames: readonly QualityScenarioName[] = [
  'scifact',
  'cacm',
  'cranfield',
  'latency',
  'recall-en',
  'recall-de',
  'recall-zh',
  'sec10q-recall',
];

/** Those with a generator that share one reading of the same paragraphs, and the short ones after them. */
export const answerScenarioNames: readonly QualityScenarioName[] = ['gold', 'hard-negatives', 'end-to-end', 'examples', 'injection'];

/** What a scenario measures; told its title, split and time by the caller. */
export type MeasureQuality = (settings: QualitySettings) => Promise<Pick<QualityResult, 'title' | 'split' | 'figures'>>;
