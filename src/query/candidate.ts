import { numbersAsSpelled } from '../language/number-words.ts';
import type { Hit, StageTimings, Usage } from '../spec/answers.ts';
import type { GenerateUsage, Generator } from '../spec/engine.ts';
import { asWritten } from './as-written.ts';
import { checkAnswer } from './cite.ts';
import { askWhetherStated, isWorthAsking, withReply } from './confirm.ts';
import { type EngineCall, type GeneratedAnswer, generateAnswer } from './generate.ts';
import type { QueryParts } from './parts.ts';
import { type AnswerPrompt, modelRefusal, type PromptFamily } from './prompt.ts';
import type { ResolvedPipeline } from './resolve-pipeline.ts';
import { type Verdict, verify } from './verify.ts';

/** One question at work: what each of its calls of the model needs. */
export interface Asking {
  readonly parts: QueryParts;
  readonly question: string;
  readonly language: string | undefined;
  readonly pipeline: ResolvedPipeline;
  readonly generator: Generator;
  /** Content words of all hits of the question. */
  readonly found: readonly ReadonlySet<string>[];
  readonly family: PromptFamily;
  readonly call: EngineCall;
  /** What all calls of the model cost together. */
  readonly spent: Spent;
}

/** One answer of the model, and whether what it was read from states it. */
export interface Candidate {
  readonly text: string;
  readonly hits: readonly Hit[];
  readonly checked: ReturnType<typeof checkAnswer>;
  /** Undefined for a refusal, and where the pipeline does not verify. */
  readonly verdict: Verdict | undefined;
}

export const noUsage: Usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };

/** One call of the model, its evidence told where the pipeline verifies. */
export async function generate(
  { parts, pipeline, generator, call, spent }: Asking,
  prompt: AnswerPrompt,
  { onText, weigh = [modelRefusal], maxTokens = pipeline.generate.maxTokens, grammar }: GenerateOptions,
): Promise<GeneratedAnswer> {
  const { temperature, seed } = pipeline.generate;
  const evidence = pipeline.verify.by === 'none' ? {} : { weigh, likelihood: true };
  const generated = await generateAnswer(
    parts.scheduler,
    generator,
    {
      prompt,
      maxTokens,
      temperature,
      seed,
      ...evidence,
      ...call,
      ...(onText === undefined ? {} : { onText }),
      ...(grammar === undefined ? {} : { grammar }),
    },
    parts.clock.monotonic,
  );
  spent.add(generated);
  const { promptTokens, cachedTokens, prefillMs } = generated.final.usage;
  parts.pace?.add(generator.model.hash, promptTokens - cachedTokens, prefillMs);
  return generated;
}

interface GenerateOptions {
  readonly onText?: (text: string) => Promise<void>;
  readonly weigh?: readonly string[];
  readonly maxTokens?: number;
  readonly grammar?: string;
}

/**
 * What the model wrote, checked and judged against the hits.
 *
 * @param askedBefore passages that were asked before this one
 */
export async function candidateOf(asking: Asking, { final }: GeneratedAnswer, hits: readonly Hit[], askedBefore = 0): Promise<Candidate> {
  const { question, language, pipeline, found, family } = asking;
  const { by, leastConfidence } = pipeline.verify;
  const verifies = by !== 'none';
  const written = final.text.trim();
  const text = verifies ? inTheirWords(written, hits, language) : written;
  const checked = checkAnswer(text, hits, { question, language, drop: verifies });
  if (checked.abstained || !verifies) return { text, hits, checked, verdict: undefined };
  const sources = [...new Set(checked.uses.map((use) => use.passage))].flatMap((index) => hits[index] ?? []);
  const [source] = sources;
  // What no passage supports cannot be right: the verdict says why.
  const answer = source === undefined ? text : checked.supported.join(' ');
  const verdict = verify({
    question,
    language,
    passages: source === undefined ? hits : sources,
    answer,
    hits: found,
    askedBefore,
    meanLogProbability: final.meanLogProbability,
    refusalLogProbability: final.weights?.[0],
    leastConfidence,
  });
  if (source === undefined || by !== 'model' || !isWorthAsking(verdict, leastConfidence)) return { text, hits, checked, verdict };
  const odds = await askWhetherStated({ question, answer, passage: source, family }, (prompt, weigh) =>
    generate(asking, prompt, { weigh, maxTokens: 1 }),
  );
  return { text, hits, checked, verdict: withReply(verdict, odds, leastConfidence) };
}

/** What the hits say with other signs, or with numbers in words, as they write it. */
function inTheirWords(statement: string, hits: readonly Hit[], language: string | undefined): string {
  const sources = hits.map(({ text }) => text);
  return asWritten(numbersAsSpelled(statement, sources.join('\n'), language), sources, language);
}

export type Spent = ReturnType<typeof createSpent>;

/** Adds up what the calls of one question cost. */
export function createSpent() {
  let usage = noUsage;
  let times: { queuedMs: number; prefillMs: number; decodeMs: number; firstTokenMs?: number } = { queuedMs: 0, prefillMs: 0, decodeMs: 0 };
  return {
    add({ final, timings, firstTokenMs }: GeneratedAnswer): void {
      const one: GenerateUsage = final.usage;
      usage = {
        promptTokens: usage.promptTokens + one.promptTokens,
        cachedTokens: usage.cachedTokens + one.cachedTokens,
        outputTokens: usage.outputTokens + one.outputTokens,
      };
      times = {
        ...times,
        queuedMs: times.queuedMs + timings.queuedMs,
        prefillMs: times.prefillMs + one.prefillMs,
        decodeMs: times.decodeMs + one.decodeMs,
        // Of the first call that tells it.
        ...(firstTokenMs === undefined || times.firstTokenMs !== undefined ? {} : { firstTokenMs }),
      };
    },
    usage: () => usage,
    timings: (): Partial<StageTimings> => times,
  };
}
