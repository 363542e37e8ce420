import { numbersAsSpelled } from '../language/number-words.ts';
import type { Answer, AnswerEvent, Hit, StageTimings, Usage } from '../spec/answers.ts';
import type { GenerateUsage, Generator } from '../spec/engine.ts';
import { checkAnswer, isRefusal, type Use } from './cite.ts';
import { chooseContext } from './choose-context.ts';
import { fitContext } from './context.ts';
import { generateByStage, roughTokenizer } from './custom-stages.ts';
import { askWhetherStated, isWorthAsking, withReply } from './confirm.ts';
import { type EngineCall, type GeneratedAnswer, generateAnswer } from './generate.ts';
import { mapInTurns } from '../util/in-turns.ts';
import { groundOf, standsVerbatim } from './grounding.ts';
import { contentWords, coverage, fold, sentencesOf } from './matching.ts';
import type { QueryParts } from './parts.ts';
import { polarityOf } from './polarity.ts';
import { type AnswerPrompt, answerPrompt, modelRefusal, passagePrompt, type PromptFamily, promptFamilyOf } from './prompt.ts';
import { quoteAnswer } from './quotes.ts';
import { refusalIn } from './refusals.ts';
import { orderByLikelihood } from './rerank.ts';
import type { ResolvedPipeline } from './resolve-pipeline.ts';
import { spanGrammar } from './span-grammar.ts';
import { mayState, type Verdict, verify } from './verify.ts';
import { widen } from './widen.ts';

export interface Draft {
  readonly text: string;
  readonly abstained: boolean;
  readonly unsupported: readonly string[];
  readonly uses: readonly Use[];
  /** What `uses` point into. */
  readonly hits: readonly Hit[];
  readonly model: string;
  readonly usage: Usage;
  readonly timings: Partial<StageTimings>;
  readonly verification: Pick<Answer, 'confidence' | 'doubts' | 'otherAnswers'>;
}

type Told =
  Extract<AnswerEvent, { type: 'model-loading' | 'answer-delta' }> extends infer Each
    ? Each extends AnswerEvent
      ? Omit<Each, 'sequence' | 'at'>
      : never
    : never;
export type Tell = (event: Told) => Promise<void>;

interface Asking {
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
interface Candidate {
  readonly text: string;
  readonly hits: readonly Hit[];
  readonly checked: ReturnType<typeof checkAnswer>;
  /** Undefined for a refusal, and where the pipeline does not verify. */
  readonly verdict: Verdict | undefined;
}

const noUsage: Usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };

/**
 * An answer from the hits, or a refusal in the question's language: by quotes, or by the model from all passages in one prompt (`joined`)
 * or from one passage after the other (`each`). A verified answer is told when it is known to be one; without verification as it comes.
 */
export async function draftAnswer(
  parts: QueryParts,
  question: string,
  hits: readonly Hit[],
  pipeline: ResolvedPipeline,
  call: EngineCall,
  tell: Tell | undefined,
): Promise<Draft> {
  const { clock } = parts;
  const language = parts.languages.detect(question);
  const quotesOnly = pipeline.generate.by === 'quotes';
  if (quotesOnly || hits.length === 0) {
    const quoted = quoteAnswer(question, hits, { language });
    const text = quoted.abstained ? refusalIn(language) : quoted.text;
    await tell?.({ type: 'answer-delta', text });
    return { ...quoted, text, unsupported: [], hits, model: quotesOnly ? 'quotes' : 'none', usage: noUsage, timings: {}, verification: {} };
  }
  const { generate: stage } = pipeline.stages;
  if (stage !== undefined) {
    const { passages, hits: read } = await fitContext(
      { question, language },
      hits,
      chooseContext(pipeline.context, undefined).tokens,
      roughTokenizer,
      call.signal,
    );
    const written = await generateByStage(parts, stage, { question, passages, maxTokens: pipeline.generate.maxTokens }, call.signal);
    const { text: checked, supported: _, ...rest } = checkAnswer(written.trim(), read, { question, language });
    const text = rest.abstained ? refusalIn(language) : checked;
    await tell?.({ type: 'answer-delta', text });
    return { ...rest, text, hits: read, model: stage.name, usage: noUsage, timings: {}, verification: {} };
  }
  const loading = clock.monotonic();
  const generator = await parts.generator((event) => {
    if (event.type === 'model-loading') void tell?.(event).catch(() => undefined);
  }, pipeline.generate.model);
  const modelMs = clock.monotonic() - loading;
  const spent = createSpent();
  const family = pipeline.generate.prompt ?? promptFamilyOf(generator.model.id);
  const verified = pipeline.verify.by !== 'none';
  const found = verified ? await mapInTurns(hits, ({ text }) => contentWords(text, language)) : [];
  const asking: Asking = { parts, question, language, pipeline, generator, found, family, call, spent };
  const each = pipeline.context.mode === 'each' && hits.length > 0;
  const reranks = pipeline.rerank.by === 'model';
  const reranking = clock.monotonic();
  const ordered = reranks ? await orderByLikelihood(parts, generator, question, hits, pipeline.rerank, family, call, spent.add) : hits;
  const rerankMs = clock.monotonic() - reranking;
  const read = await widen(parts.store, ordered, pipeline.retrieve.neighbours, each ? (hit) => fitsAlone(asking, hit) : undefined);
  const candidates = each ? await askEach(asking, read) : [await askJoined(asking, read, verified ? undefined : tell)];
  const given = candidates.find((one) => !one.checked.abstained && (one.verdict?.supported ?? true));
  const text = given === undefined ? refusalIn(language) : given.checked.text;
  if (verified || each) await tell?.({ type: 'answer-delta', text });
  return {
    text,
    abstained: given === undefined,
    unsupported: given?.checked.unsupported ?? [],
    uses: given?.checked.uses ?? [],
    hits: given?.hits ?? candidates[0]?.hits ?? [],
    model: generator.model.id,
    usage: spent.usage(),
    timings: { modelMs, ...(reranks ? { rerankMs } : {}), ...spent.timings() },
    verification: verificationOf(candidates, given, language),
  };
}

/** All passages in one prompt, within the budget. */
async function askJoined(asking: Asking, hits: readonly Hit[], tell: Tell | undefined): Promise<Candidate> {
  const { question, language, pipeline, generator, call, family } = asking;
  const context = await fitContext({ question, language }, hits, contextOf(asking).tokens, generator.tokenizer, call.signal);
  const order = pipeline.context.order === 'document' ? inDocumentOrder(context.hits) : context.hits.map((_, index) => index);
  const read = order.flatMap((index) => context.hits[index] ?? []);
  const passages = order.flatMap((index) => context.passages[index] ?? []);
  const told = tell === undefined ? {} : { onText: (text: string) => tell({ type: 'answer-delta', text }) };
  const generated = await generate(asking, answerPrompt(question, passages, family), told);
  return candidateOf(asking, generated, read);
}

function inDocumentOrder(hits: readonly Hit[]): number[] {
  const first = new Map<string, number>();
  for (const [index, { document }] of hits.entries()) if (!first.has(document)) first.set(document, index);
  const place = (index: number): readonly [number, number] => {
    const hit = hits[index];
    return hit === undefined ? [index, 0] : [first.get(hit.document) ?? index, hit.start];
  };
  return hits
    .map((_, index) => index)
    .sort((a, b) => {
      const [one, two] = [place(a), place(b)];
      return one[0] - two[0] || one[1] - two[1];
    });
}

/**
 * The question put to one passage after the other, best first, until one states the answer. `atOnce` passages are asked together: what is
 * found beside the answer given is told as another source or as disagreement.
 */
async function askEach(asking: Asking, hits: readonly Hit[]): Promise<Candidate[]> {
  const { passages } = asking.pipeline.context;
  const { atOnce } = contextOf(asking);
  const asked: Candidate[] = [];
  for (let next = 0; next < Math.min(passages, hits.length); next += atOnce) {
    const group = hits.slice(next, Math.min(next + atOnce, passages));
    asked.push(...(await Promise.all(group.map((hit, place) => askPassage(asking, hit, next + place)))));
    if (asked.some((one) => !one.checked.abstained && (one.verdict?.supported ?? true))) break;
  }
  return asked;
}

/**
 * The question put to one passage. Where the passage is about it and the model refuses, or says what does not stand there word for word, it
 * is asked once more and held to the words of the passage; that answer is taken where it is verified.
 */
async function askPassage(asking: Asking, hit: Hit, askedBefore: number): Promise<Candidate> {
  const { question, language, found, family, pipeline } = asking;
  const prompt = passagePrompt(question, hit, family);
  const { final, ...rest } = await generate(asking, prompt, {});
  const first = await candidateOf(asking, { final, ...rest }, [hit], askedBefore);
  if (pipeline.verify.by === 'none' || isCopied(first, hit, { question, language })) return first;
  const refusalLogProbability = final.weights?.[0];
  if (!mayState({ question, language, passages: [hit], hits: found, askedBefore, refusalLogProbability })) return first;
  const grammar = spanGrammar(hit.text);
  if (grammar === undefined) return first;
  const held = await generate(asking, prompt, { grammar, maxTokens: Math.min(mostSpanTokens, pipeline.generate.maxTokens) });
  const isWhole = held.final.stopReason !== 'length' && !beginsRefusal(held.final.text);
  const second = isWhole ? await candidateOf(asking, held, [hit], askedBefore) : first;
  return second.verdict?.supported === true ? second : first;
}

/** Where the passage holds the answer in longer words than these it is told in the model's own. */
const mostSpanTokens = 32;

/** Each sentence word for word, or "yes" or "no" to a question that they answer. */
function isCopied({ text, checked }: Candidate, hit: Hit, { question, language }: Pick<Asking, 'question' | 'language'>): boolean {
  if (checked.abstained) return false;
  if (polarityOf(text, question) !== undefined) return true;
  const ground = groundOf(hit, language);
  return sentencesOf(text).every((sentence) => standsVerbatim(sentence.text, ground.text, language));
}

/** The passage may hold the first words of the refusal. */
function beginsRefusal(text: string): boolean {
  return `${modelRefusal} `.startsWith(`${fold(text).trim()} `);
}

function contextOf({ parts, pipeline, generator }: Asking): ReturnType<typeof chooseContext> {
  return chooseContext(pipeline.context, parts.pace?.tokensPerSecond(generator.model.hash));
}

/** Whether one sequence holds the question over this passage, and an answer. A prompt in `joined` is cut to its budget instead. */
async function fitsAlone({ question, pipeline, generator, family, call }: Asking, hit: Hit): Promise<boolean> {
  const { tokens } = await generator.tokenizer.tokenizePrompt(passagePrompt(question, hit, family).prompt, call.signal);
  return tokens.length + pipeline.generate.maxTokens <= generator.model.maxSequenceTokens;
}

async function generate(
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

/** @param askedBefore passages that were asked before this one */
async function candidateOf(asking: Asking, { final }: GeneratedAnswer, hits: readonly Hit[], askedBefore = 0): Promise<Candidate> {
  const { question, language, pipeline, found, family } = asking;
  const verifies = pipeline.verify.by !== 'none';
  const written = final.text.trim();
  const text = verifies ? numbersAsSpelled(written, hits.map((hit) => hit.text).join('\n'), language) : written;
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
  });
  if (source === undefined || pipeline.verify.by !== 'model' || !isWorthAsking(verdict)) return { text, hits, checked, verdict };
  const odds = await askWhetherStated({ question, answer, passage: source, family }, (prompt, weigh) =>
    generate(asking, prompt, { weigh, maxTokens: 1 }),
  );
  return { text, hits, checked, verdict: withReply(verdict, odds) };
}

function verificationOf(
  candidates: readonly Candidate[],
  given: Candidate | undefined,
  language: string | undefined,
): Draft['verification'] {
  const refused = candidates.find(({ verdict }) => verdict?.supported === false);
  const verdict = given?.verdict ?? refused?.verdict;
  const others = candidates.filter(
    (one) => one !== given && !one.checked.abstained && given !== undefined && one.verdict?.supported === true,
  );
  return {
    ...(verdict === undefined ? {} : { confidence: verdict.confidence, doubts: [...verdict.doubts] }),
    ...(others.length === 0
      ? {}
      : {
          otherAnswers: others.map(({ text, hits }) => ({
            answer: text,
            agrees: agree(text, given?.text ?? '', language),
            rank: hits[0]?.rank ?? 1,
          })),
        }),
  };
}

/** The same answer in other words: one holds all that the other says. */
function agree(one: string, other: string, language: string | undefined): boolean {
  if (isRefusal(one)) return false;
  if (bare(one) === bare(other)) return true;
  const [a, b] = [contentWords(one, language), contentWords(other, language)];
  return Math.max(coverage(a, b), coverage(b, a)) >= 0.99;
}

function bare(text: string): string {
  return fold(text)
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

type Spent = ReturnType<typeof createSpent>;

/** Adds up what the calls of one question cost. */
function createSpent() {
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
        queuedMs: times.queuedMs + timings.queuedMs,
        prefillMs: times.prefillMs + one.prefillMs,
        decodeMs: times.decodeMs + one.decodeMs,
        ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
      };
    },
    usage: () => usage,
    timings: (): Partial<StageTimings> => times,
  };
}
