import type { Answer, AnswerEvent, Hit, StageTimings, Usage } from '../spec/answers.ts';
import { mapInTurns } from '../util/in-turns.ts';
import { type Asked, askPassage } from './ask-passage.ts';
import { type Asking, type Candidate, candidateOf, createSpent, generate, noUsage } from './candidate.ts';
import { chooseContext } from './choose-context.ts';
import { checkAnswer, isRefusal, type Use } from './cite.ts';
import { countPassage, fitContext, passageShare } from './context.ts';
import { generateByStage, roughTokenizer } from './custom-stages.ts';
import { type EngineCall, isTooLong } from './generate.ts';
import { contentWords, coverage, fold } from './matching.ts';
import type { QueryParts } from './parts.ts';
import { type AnswerPrompt, answerPrompt, passagePrompt, promptFamilyOf } from './prompt.ts';
import { quoteAnswer } from './quotes.ts';
import { refusalIn } from './refusals.ts';
import { readSections } from './read-section.ts';
import { orderByLikelihood } from './rerank.ts';
import type { ResolvedPipeline } from './resolve-pipeline.ts';
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
  parts.pace?.isNamed(generator.model.hash, pipeline.generate.model);
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
  const read = await readAround(asking, ordered, each);
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

/** The hits with as much around them as the pipeline says: their sections, chunks beside them, or nothing. */
function readAround(asking: Asking, hits: readonly Hit[], each: boolean): Promise<readonly Hit[]> {
  const { parts, pipeline, generator, call } = asking;
  const { tokens } = contextOf(asking);
  const count = (passage: Hit): Promise<number> => countPassage(passage, generator.tokenizer, call.signal);
  const fits = (hit: Hit): Promise<boolean> => fitsAlone(asking, hit);
  const fitsBudget = async (hit: Hit): Promise<boolean> => (await count(hit)) <= tokens && (await fits(hit));
  const { neighbours, section } = pipeline.retrieve;
  // Of one after the other no more are asked.
  const { passages } = pipeline.context;
  if (section !== true) return widen(parts.store, hits, neighbours, each ? { fits: fitsBudget, passages } : {});
  const most = Math.min(tokens, generator.model.maxSequenceTokens - pipeline.generate.maxTokens);
  if (each) return readSections(parts.store, hits, { tokens: most, passages, count, fits });
  return readSections(parts.store, hits, { tokens: most * Math.max(passageShare, 1 / hits.length), together: most, count });
}

/** All passages in one prompt, within the budget. */
async function askJoined(asking: Asking, hits: readonly Hit[], tell: Tell | undefined): Promise<Candidate> {
  const { prompt, read } = await fitPrompt(asking, hits);
  const told = tell === undefined ? {} : { onText: (text: string) => tell({ type: 'answer-delta', text }) };
  const generated = await generate(asking, prompt, told);
  return candidateOf(asking, generated, read);
}

/** Least that a budget is cut by where a prompt is too long for the model. */
const leastCut = 16;

/** What the budget allows of the passages, and of that what the model holds beside the question and the answer. */
async function fitPrompt(asking: Asking, hits: readonly Hit[]): Promise<{ readonly prompt: AnswerPrompt; readonly read: readonly Hit[] }> {
  const { question, language, pipeline, generator, call, family } = asking;
  const most = generator.model.maxSequenceTokens - pipeline.generate.maxTokens;
  let budget = contextOf(asking).tokens;
  for (;;) {
    const context = await fitContext({ question, language }, hits, budget, generator.tokenizer, call.signal);
    const order = pipeline.context.order === 'document' ? inDocumentOrder(context.hits) : context.hits.map((_, index) => index);
    const read = order.flatMap((index) => context.hits[index] ?? []);
    const passages = order.flatMap((index) => context.passages[index] ?? []);
    const prompt = answerPrompt(question, passages, family);
    const { tokens } = await generator.tokenizer.tokenizePrompt(prompt.prompt, call.signal);
    const left = Math.min(budget, tokens.length) - Math.max(leastCut, tokens.length - most);
    // Where the question alone is too long, who generates says so.
    if (tokens.length <= most || left <= 0) return { prompt, read };
    budget = left;
  }
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
 * The question put to one passage after the other, best first, until one states the answer; those that the model does not hold are left out. `atOnce` passages are asked together: what is
 * found beside the answer given is told as another source or as disagreement.
 */
async function askEach(asking: Asking, hits: readonly Hit[]): Promise<Candidate[]> {
  const { passages } = asking.pipeline.context;
  const { atOnce } = contextOf(asking);
  const asked: Asked[] = [];
  const tooLong: unknown[] = [];
  const states = ({ checked, verdict }: Candidate): boolean => !checked.abstained && (verdict?.supported ?? true);
  for (let next = 0; next < Math.min(passages, hits.length); next += atOnce) {
    const group = hits.slice(next, Math.min(next + atOnce, passages));
    const outcomes = await Promise.all(
      group.map((hit, place) =>
        askPassage(asking, hit, next + place).catch((error: unknown) => {
          if (!isTooLong(error)) throw error;
          tooLong.push(error);
          return notAsked(asking, hit);
        }),
      ),
    );
    asked.push(...outcomes);
    if (asked.some(({ candidate }) => states(candidate))) return asked.map(({ candidate }) => candidate);
  }
  // The question alone is too long, or whatever was found.
  if (tooLong.length > 0 && tooLong.length === asked.length) throw tooLong[0];
  // None states it in a model's own choice of words: those that are about the question once more, best first.
  const candidates = asked.map(({ candidate }) => candidate);
  for (const [place, { insist }] of asked.entries()) {
    const second = await insist?.();
    if (second !== undefined) return candidates.with(place, second);
  }
  return candidates;
}

/** Of a passage that the model does not hold beside the question: as if it had refused. */
function notAsked({ question, language, pipeline }: Asking, hit: Hit): Asked {
  const checked = checkAnswer('', [hit], { question, language });
  const doubts = ['the passage is longer than the model holds'];
  const verdict = pipeline.verify.by === 'none' ? undefined : { supported: false, confidence: 0, doubts };
  return { candidate: { text: checked.text, hits: [hit], checked, verdict } };
}

function contextOf({ parts, pipeline, generator }: Asking): ReturnType<typeof chooseContext> {
  return chooseContext(pipeline.context, parts.pace?.tokensPerSecond(generator.model.hash));
}

/** Whether one sequence holds the question over this passage, and an answer. A prompt in `joined` is cut to that instead. */
async function fitsAlone({ question, pipeline, generator, family, call }: Asking, hit: Hit): Promise<boolean> {
  const { tokens } = await generator.tokenizer.tokenizePrompt(passagePrompt(question, hit, family).prompt, call.signal);
  return tokens.length + pipeline.generate.maxTokens <= generator.model.maxSequenceTokens;
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
